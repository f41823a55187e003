import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import type { Hung } from './hang-chains.ts';
import type { Arm } from './movement-edges.ts';

/** Checkpoints of a window at most: what reading one costs grows with their fourth power. */
const MOST_IN_WINDOW = 12;

/** Some checkpoints of a component that hang together, as arms, and what each of these goes on with outside. */
export interface Window {
  readonly arms: readonly Arm[];
  /** What comes before the first arm on its chain. */
  readonly before: Chain;
  /** What comes after a checkpoint that is the last of its arm. */
  readonly after: ReadonlyMap<number, Chain>;
  /** Chains that lie in the window, or reach into it. */
  readonly chains: ReadonlySet<number>;
}

/** Every checkpoint's neighbours in the tree: before and after it on its chain, and across forks. */
function neighborsOf(node: number, { chains, parents, chainOf }: Hung): readonly number[] {
  const own = chainOf[node] ?? -1;
  const chain = chains[own] ?? [];
  const place = chain.indexOf(node);
  const before = place === 0 ? parents.get(own) : chain[place - 1];
  const branches = [...parents].flatMap(([branch, parent]) => (parent === node ? (chains[branch]?.[0] ?? []) : []));
  return [before, chain[place + 1], ...branches].flatMap((other) => other ?? []);
}

/** The checkpoints that hang together with one and are nearest to it. */
function spreadFrom(centre: number, hung: Hung, { squared }: Distances): Set<number> {
  const inside = new Set([centre]);
  const border = new Set(neighborsOf(centre, hung));
  while (inside.size < MOST_IN_WINDOW && border.size > 0) {
    const [next = centre] = [...border].sort((a, b) => squared(centre, a) - squared(centre, b) || a - b);
    border.delete(next);
    inside.add(next);
    for (const other of neighborsOf(next, hung)) if (!inside.has(other)) border.add(other);
  }
  return inside;
}

/** A branch whose trunk does not go on within the window does not show where it leaves. */
function dropDangling(inside: Set<number>, { chains, parents, chainOf }: Hung): void {
  for (let before = -1; before !== inside.size; ) {
    before = inside.size;
    for (const [branch, parent] of parents) {
      const head = chains[branch]?.[0] ?? -1;
      if (!inside.has(head)) continue;
      const host = chains[chainOf[parent] ?? -1] ?? [];
      const next = host[host.indexOf(parent) + 1];
      const goesOn = next === undefined || inside.has(next);
      if (goesOn || !inside.has(parent)) continue;
      for (const node of chains[branch] ?? []) inside.delete(node);
    }
  }
}

/** The checkpoints round one of them, as arms; undefined where they are one arm that cannot be read otherwise. */
export function windowAt(centre: number, hung: Hung, distances: Distances): Window | undefined {
  const { chains, parents, chainOf } = hung;
  const inside = spreadFrom(centre, hung, distances);
  dropDangling(inside, hung);
  const touched = new Set([...inside].map((node) => chainOf[node] ?? -1));
  const arms: Arm[] = [];
  const after = new Map<number, Chain>();
  let before: Chain = [];
  for (const i of touched) {
    const chain = chains[i] ?? [];
    const start = chain.findIndex((node) => inside.has(node));
    const nodes = chain.slice(start).filter((node) => inside.has(node));
    const rest = chain.slice(start + nodes.length);
    if (rest.length > 0) after.set(nodes.at(-1) ?? -1, rest);
    const parent = start === 0 ? parents.get(i) : undefined;
    const hangs = parent !== undefined && inside.has(parent);
    if (!hangs) before = chain.slice(0, start);
    arms.push({ nodes, parent: hangs ? parent : undefined, follows: false });
  }
  const roots = arms.filter(({ parent }) => parent === undefined);
  if (roots.length !== 1) return undefined;
  return { arms: [...roots, ...arms.filter(({ parent }) => parent !== undefined)], before, after, chains: touched };
}

/** True where all that goes on outside the window still has what it goes on from at the end of an arm. */
export function keepsEnds(arms: readonly Arm[], { after }: Window): boolean {
  const ends = new Set(arms.map(({ nodes }) => nodes.at(-1)));
  return [...after.keys()].every((node) => ends.has(node));
}
