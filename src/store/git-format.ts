import { CorruptError } from '../errors.ts';
import { type CommitId, type GitObjectId, parseCommitId, parseGitObjectId } from '../objects/ids.ts';
import type { Commit, Signature } from './history.ts';

/** An entry of a git tree. */
export interface TreeEntry {
  readonly name: string;
  readonly kind: 'file' | 'tree' | 'other';
  /** Octal, as git writes it. */
  readonly mode: string;
  readonly id: GitObjectId;
}

const encoder = new TextEncoder();
// Bytes that are no UTF-8 were not written by wsvc; they are shown with replacement characters.
const decoder = new TextDecoder();

function kindOf(mode: string): TreeEntry['kind'] {
  if (mode === '40000') return 'tree';
  return mode === '100644' || mode === '100755' ? 'file' : 'other';
}

/** The order of git: by bytes, a tree as if its name ended in a slash. */
function compareEntries(a: TreeEntry, b: TreeEntry): number {
  const key = (entry: TreeEntry) => Buffer.from(entry.kind === 'tree' ? `${entry.name}/` : entry.name);
  return Buffer.compare(key(a), key(b));
}

/** Encodes a tree object's content. */
export function encodeTree(entries: readonly TreeEntry[]): Uint8Array {
  const parts = [...entries]
    .sort(compareEntries)
    .flatMap(({ mode, name, id }) => [encoder.encode(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);
  return new Uint8Array(Buffer.concat(parts));
}

/** Decodes a tree object's content. @throws CorruptError */
export function decodeTree(content: Uint8Array): readonly TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < content.byteLength; ) {
    const space = content.indexOf(0x20, at);
    const zero = content.indexOf(0, space);
    if (space < 0 || zero < 0 || zero + 21 > content.byteLength) throw new CorruptError('a git tree is malformed');
    const mode = decoder.decode(content.subarray(at, space));
    const id = parseGitObjectId(Buffer.from(content.subarray(zero + 1, zero + 21)).toString('hex'));
    entries.push({ name: decoder.decode(content.subarray(space + 1, zero)), kind: kindOf(mode), mode, id });
    at = zero + 21;
  }
  return entries;
}

/** Git's form of "minutes west of UTC": the sign turned round. */
function formatOffset(minutesWest: number): string {
  const minutes = Math.abs(minutesWest);
  const digits = (n: number) => String(n).padStart(2, '0');
  return `${minutesWest > 0 ? '-' : '+'}${digits(Math.floor(minutes / 60))}${digits(minutes % 60)}`;
}

/** What would end the name or the address early, or the line. */
const cleanPerson = (text: string): string => text.replaceAll(/[<>\n\r\0]/g, '').trim();

function formatSignature({ name, email, timestamp, timezoneOffset }: Signature): string {
  return `${cleanPerson(name)} <${cleanPerson(email)}> ${timestamp} ${formatOffset(timezoneOffset)}`;
}

function parseSignature(text: string): Signature {
  const [, name, email, timestamp, sign, hours, minutes] =
    /^(.*?) ?<([^>]*)> (\d+) ([+-])(\d\d)(\d\d)$/.exec(text) ?? [];
  if (name === undefined || email === undefined) throw new CorruptError('a git commit has a malformed author');
  const west = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? 1 : -1);
  return { name, email, timestamp: Number(timestamp), timezoneOffset: west === 0 ? 0 : west };
}

/** Encodes a commit object's content. */
export function encodeCommit(commit: Omit<Commit, 'id'>): Uint8Array {
  const author = formatSignature(commit.author);
  const header = [
    `tree ${commit.tree}`,
    ...commit.parents.map((parent) => `parent ${parent}`),
    `author ${author}`,
    `committer ${author}`,
  ];
  const message = commit.message.replaceAll('\0', '');
  return encoder.encode(`${header.join('\n')}\n\n${message}${message.endsWith('\n') ? '' : '\n'}`);
}

/** Decodes a commit object's content; headers that wsvc does not use (signatures, encodings) are passed over. @throws CorruptError */
export function decodeCommit(id: CommitId, content: Uint8Array): Commit {
  const text = decoder.decode(content);
  const end = text.indexOf('\n\n');
  const lines = (end < 0 ? text.replace(/\n$/, '') : text.slice(0, end)).split('\n');
  const all = (key: string) =>
    lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const [tree] = all('tree');
  const [author] = all('author');
  if (tree === undefined || author === undefined) throw new CorruptError(`git commit ${id} is malformed`);
  return {
    id,
    parents: all('parent').map(parseCommitId),
    tree: parseGitObjectId(tree),
    message: end < 0 ? '' : text.slice(end + 2),
    author: parseSignature(author),
  };
}

/** The object that an annotated tag names. @throws CorruptError */
export function decodeTagTarget(content: Uint8Array): GitObjectId {
  const [, target] = /^object ([0-9a-f]{40})\n/.exec(decoder.decode(content)) ?? [];
  if (target === undefined) throw new CorruptError('a git tag is malformed');
  return parseGitObjectId(target);
}
