import { WsvcError } from '../errors.ts';
import { type CommitId, parseCommitId, parseGitObjectId } from '../objects/ids.ts';
import { formatPointer } from '../objects/pointer.ts';
import { decodeCommit, encodeCommit } from './git-format.ts';
import type { ObjectStore } from './git-object.ts';
import type { GitTrees } from './git-trees.ts';
import type { Commit, NewCommit } from './history.ts';
import { checkTreePath } from './ref-names.ts';

/** How many commits are kept parsed: about a kilobyte each. */
const CACHED_COMMITS = 20_000;

const encoder = new TextEncoder();

/** Reads and decodes a commit. @throws WsvcError `not-found`; CorruptError */
async function loadCommit(objects: ObjectStore, id: CommitId): Promise<Commit> {
  const { type, content } = await objects.read(parseGitObjectId(id));
  if (type !== 'commit') throw new WsvcError('not-found', `${id} is a ${type}, not a commit.`);
  return decodeCommit(id, content);
}

/** Writes a pointer, the trees above it and a commit on them. */
export async function writeCommitTo(objects: ObjectStore, trees: GitTrees, commit: NewCommit): Promise<CommitId> {
  checkTreePath(commit.path);
  const [first] = commit.parents;
  const parentTree = first === undefined ? undefined : (await loadCommit(objects, first)).tree;
  const blob = await objects.write({ type: 'blob', content: encoder.encode(formatPointer(commit.pointer)) });
  const tree = await trees.withFile(parentTree, commit.path.split('/'), blob);
  const { parents, message, author } = commit;
  return parseCommitId(
    await objects.write({ type: 'commit', content: encodeCommit({ parents, tree, message, author }) }),
  );
}

/** Commits of an object store, those read last kept parsed. */
export class CommitCache {
  readonly #objects: ObjectStore;
  readonly #commits = new Map<CommitId, Commit>();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** @throws WsvcError `not-found`; CorruptError */
  async read(id: CommitId): Promise<Commit> {
    const cached = this.#commits.get(id);
    if (cached !== undefined) return cached;
    const commit = await loadCommit(this.#objects, id);
    const [oldest] = this.#commits.keys();
    if (oldest !== undefined && this.#commits.size >= CACHED_COMMITS) this.#commits.delete(oldest);
    this.#commits.set(id, commit);
    return commit;
  }
}
