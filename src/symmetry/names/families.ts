import type { Module } from './modules.ts';

/** Siblings with one stem and a number: `conv1`, `conv2`. */
export interface Family {
  readonly stem: string;
  readonly members: readonly { readonly number: number; readonly module: Module }[];
}

/** Groups modules by the stem of their last name; those without a number, or with nothing but one, are in none. */
export function familiesOf(modules: readonly Module[]): Family[] {
  const families = new Map<string, { number: number; module: Module }[]>();
  for (const module of modules) {
    const [, stem, number] = /^(?:.*\.)?([a-zA-Z_]*?)_?(\d+)$/.exec(module.path) ?? [];
    if (stem === undefined || number === undefined || stem === '') continue;
    const members = families.get(stem) ?? [];
    members.push({ number: Number(number), module });
    families.set(stem, members);
  }
  return [...families].map(([stem, members]) => ({ stem, members: members.sort((a, b) => a.number - b.number) }));
}

/** Whether no number is left out. */
export function isConsecutive(family: Family): boolean {
  const first = family.members[0]?.number ?? 0;
  return family.members.every(({ number }, i) => number === first + i);
}
