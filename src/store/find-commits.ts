import { WsvcError } from '../errors.ts';
import { type CommitId, type GitObjectId, parseCommitId, parseGitObjectId } from '../objects/ids.ts';
import { isPointer } from '../objects/pointer.ts';
import { decodeCommit, decodeTree } from './git-format.ts';
import type { GitObject } from './git-object.ts';
import type { GitObjects } from './git-objects.ts';
import type { Commit } from './history.ts';

/** What a commit is of: the history, or one of wsvc's own records; `empty` has no files at all. */
export type CommitKind = 'history' | 'pruned' | 'moved' | 'empty';

/** The commits and annotated tags of an object store that can be read, whether a ref reaches them or not. */
export interface FoundCommits {
  readonly commits: ReadonlyMap<CommitId, Commit>;
  /** Annotated tags, by their own ids. */
  readonly tags: ReadonlyMap<GitObjectId, { readonly name: string }>;
}

const decoder = new TextDecoder();

/** Reads an object; `undefined` when it is gone or damaged. */
export async function findWholeObject(objects: GitObjects, id: GitObjectId): Promise<GitObject | undefined> {
  try {
    return await objects.read(id);
  } catch (error) {
    if (error instanceof WsvcError && (error.code === 'corrupt' || error.code === 'not-found')) return undefined;
    throw error;
  }
}

/** Looks through all objects: what says what there was when the refs are lost. */
export async function findCommits(objects: GitObjects): Promise<FoundCommits> {
  const commits = new Map<CommitId, Commit>();
  const tags = new Map<GitObjectId, { readonly name: string }>();
  for (const id of await objects.ids()) {
    const object = await findWholeObject(objects, id);
    if (object?.type === 'commit') commits.set(parseCommitId(id), decodeCommit(parseCommitId(id), object.content));
    if (object?.type !== 'tag') continue;
    const [, name] = /^tag (.+)$/m.exec(decoder.decode(object.content)) ?? [];
    if (name !== undefined) tags.set(id, { name });
  }
  return { commits, tags };
}

/** Tells wsvc's own records from the history by what their trees hold. */
export async function readCommitKind(objects: GitObjects, commit: Commit): Promise<CommitKind> {
  const tree = await findWholeObject(objects, parseGitObjectId(commit.tree));
  const entries = tree?.type === 'tree' ? decodeTree(tree.content) : [];
  const names = entries.map(({ name }) => name);
  if (tree?.type === 'tree' && names.length === 0) return 'empty';
  const record = entries.find(({ name, kind }) => name === 'record' && kind === 'file');
  if (record !== undefined && names.every((name) => name === 'record' || name === 'summaries')) {
    const content = (await findWholeObject(objects, record.id))?.content;
    if (content !== undefined && !isPointer(decoder.decode(content.subarray(0, 64)))) return 'pruned';
  }
  const isMoved = names.includes('paths') && names.every((name) => /^(paths|waiting|committed)$/.test(name));
  return isMoved && entries.every(({ kind }) => kind === 'tree') ? 'moved' : 'history';
}

/** Every found commit that the given ones reach, themselves included. */
export function reachFrom(starts: Iterable<CommitId>, commits: ReadonlyMap<CommitId, Commit>): ReadonlySet<CommitId> {
  const reached = new Set<CommitId>();
  const stack = [...starts];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    const commit = commits.get(id);
    if (commit === undefined || reached.has(id)) continue;
    reached.add(id);
    stack.push(...commit.parents);
  }
  return reached;
}
