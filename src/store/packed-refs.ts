import { type CommitId, type GitObjectId, parseGitObjectId } from '../objects/ids.ts';

/** What git writes above refs that are sorted, and whose annotated tags are peeled. */
const HEADER = '# pack-refs with: peeled fully-peeled sorted ';

/** Refs by full name, from git's `packed-refs` file; lines that are none are passed over. */
export function parsePackedRefs(text: string): ReadonlyMap<string, GitObjectId> {
  const refs = new Map<string, GitObjectId>();
  for (const line of text.split('\n')) {
    const [, id, name] = /^([0-9a-f]{40}) (refs\/.+)$/.exec(line) ?? [];
    if (id !== undefined && name !== undefined) refs.set(name, parseGitObjectId(id));
  }
  return refs;
}

/** The lines of each ref: its own, and one with ^ where git has peeled a tag. */
function groupLines(text: string): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  let last: string[] | undefined;
  for (const line of text.split('\n')) {
    const name = /^[0-9a-f]{40} (refs\/.+)$/.exec(line)?.[1];
    if (name === undefined) {
      if (line.startsWith('^')) last?.push(line);
      continue;
    }
    last = [line];
    groups.set(name, last);
  }
  return groups;
}

/** The file's text with branches added; sorted by the bytes of their names, as git searches it. */
export function addPackedRefs(text: string, added: ReadonlyMap<string, CommitId>): string {
  const fresh = Array.from(added, ([name, id]) => [name, [`${id} ${name}`]] as const);
  const all = [...new Map([...groupLines(text), ...fresh])];
  all.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `${[HEADER, ...all.flatMap(([, lines]) => lines)].join('\n')}\n`;
}
