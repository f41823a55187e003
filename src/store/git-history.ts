import git from 'isomorphic-git';
import { CorruptError, WsvcError } from '../errors.ts';
import { type CommitId, type GitObjectId, parseCommitId, parseGitObjectId } from '../objects/ids.ts';
import { formatPointer, isPointer, type Pointer, parsePointer } from '../objects/pointer.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { decodeCommit, encodeCommit } from './git-format.ts';
import { GitIndex } from './git-index.ts';
import type { ObjectStore } from './git-object.ts';
import { GitObjects } from './git-objects.ts';
import { GitObjectBatch } from './git-pack.ts';
import { GitRefs } from './git-refs.ts';
import { GitTrees } from './git-trees.ts';
import type {
  BranchUpdate,
  Commit,
  CommitBatch,
  Head,
  History,
  NewCommit,
  NewRecords,
  RecordTree,
  Ref,
  StagedEntry,
} from './history.ts';
import { createRepositoryLayout } from './layout.ts';
import { writeRecordTree } from './record-tree.ts';
import { checkRefName, checkTreePath } from './ref-names.ts';
import { type FindPosition, peelToCommit, resolveRevision } from './resolve-revision.ts';

/** How many commits are kept parsed: about a kilobyte each. */
const CACHED_COMMITS = 20_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function loadCommit(objects: ObjectStore, id: CommitId): Promise<Commit> {
  const { type, content } = await objects.read(parseGitObjectId(id));
  if (type !== 'commit') throw new WsvcError('not-found', `${id} is a ${type}, not a commit.`);
  return decodeCommit(id, content);
}

/** Writes a pointer, the trees above it and a commit on them. */
async function writeCommitTo(objects: ObjectStore, trees: GitTrees, commit: NewCommit): Promise<CommitId> {
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

/** Where the pins of users are. */
const PINS = 'refs/wsvc/pins/';

/** True for a ref of wsvc's own records, whose trees hold no checkpoints. */
const isRecordRef = (fullName: string): boolean => fullName.startsWith('refs/wsvc/') && !fullName.startsWith(PINS);

/** History in a bare git directory, made safe against crashes and against other processes. */
class GitHistory implements History {
  readonly #disk: Disk;
  readonly #objects: GitObjects;
  readonly #trees: GitTrees;
  readonly #refs: GitRefs;
  readonly #index: GitIndex;
  readonly #commits = new Map<CommitId, Commit>();
  readonly #isPointer = new Map<GitObjectId, boolean>();

  constructor(gitDirectory: string, disk: Disk) {
    this.#disk = disk;
    this.#objects = new GitObjects(gitDirectory, disk);
    this.#trees = new GitTrees(this.#objects);
    this.#refs = new GitRefs(gitDirectory, disk);
    this.#index = new GitIndex(gitDirectory, disk);
  }

  async readCommit(id: CommitId): Promise<Commit> {
    const cached = this.#commits.get(id);
    if (cached !== undefined) return cached;
    const commit = await loadCommit(this.#objects, id);
    const [oldest] = this.#commits.keys();
    if (oldest !== undefined && this.#commits.size >= CACHED_COMMITS) this.#commits.delete(oldest);
    this.#commits.set(id, commit);
    return commit;
  }

  writeCommit(commit: NewCommit): Promise<CommitId> {
    return writeCommitTo(this.#objects, this.#trees, commit);
  }

  beginCommits(): CommitBatch {
    const batch = new GitObjectBatch(this.#objects, this.#disk);
    const trees = new GitTrees(batch);
    return { writeCommit: (commit) => writeCommitTo(batch, trees, commit), commit: () => batch.flush() };
  }

  async listPointers(id: CommitId): Promise<ReadonlyMap<string, GitObjectId>> {
    const pointers = new Map<string, GitObjectId>();
    for await (const file of this.#trees.files((await this.readCommit(id)).tree)) {
      if (await this.#checkPointer(file.id)) pointers.set(file.path, file.id);
    }
    return pointers;
  }

  async findPointer(id: CommitId, path: string): Promise<GitObjectId | undefined> {
    const blob = await this.#trees.find((await this.readCommit(id)).tree, path.split('/'));
    return blob !== undefined && (await this.#checkPointer(blob)) ? blob : undefined;
  }

  async changedPaths(id: CommitId): Promise<readonly { readonly path: string; readonly pointer: GitObjectId }[]> {
    const { tree, parents } = await this.readCommit(id);
    const [first] = parents;
    const against = first === undefined ? undefined : (await this.readCommit(first)).tree;
    const changed: { path: string; pointer: GitObjectId }[] = [];
    for await (const file of this.#trees.changedFiles(tree, against)) {
      if (await this.#checkPointer(file.id)) changed.push({ path: file.path, pointer: file.id });
    }
    return changed;
  }

  async #checkPointer(id: GitObjectId): Promise<boolean> {
    const known = this.#isPointer.get(id);
    if (known !== undefined) return known;
    const { content } = await this.#objects.read(id);
    const answer = isPointer(decoder.decode(content.subarray(0, 64)));
    this.#isPointer.set(id, answer);
    return answer;
  }

  async readPointer(id: GitObjectId): Promise<Pointer> {
    const { type, content } = await this.#objects.read(id);
    if (type !== 'blob') throw new CorruptError(`git object ${id} is a ${type} where a pointer must be`);
    return parsePointer(decoder.decode(content));
  }

  async listTips(): Promise<readonly CommitId[]> {
    const refs = (await this.#refs.list('any')).filter(({ fullName }) => !isRecordRef(fullName));
    const ids = refs.map(({ id }) => peelToCommit(this.#objects, id));
    const head = await this.readHead();
    return [...new Set([...(await Promise.all(ids)), head.commit])].filter((id) => id !== undefined);
  }

  listBranches(): Promise<readonly Ref[]> {
    return this.#listRefs('heads');
  }

  listTags(): Promise<readonly Ref[]> {
    return this.#listRefs('tags');
  }

  async #listRefs(kind: 'heads' | 'tags'): Promise<readonly Ref[]> {
    const refs: Ref[] = [];
    for (const { fullName, id } of await this.#refs.list(kind)) {
      // A branch is a commit by git's own rule; a tag may be annotated, or name something else altogether.
      const commit = kind === 'heads' ? parseCommitId(id) : await peelToCommit(this.#objects, id);
      if (commit !== undefined) refs.push({ name: fullName.slice(`refs/${kind}/`.length), commit });
    }
    return refs;
  }

  async updateBranch(name: string, commit: CommitId, expected: CommitId | undefined): Promise<void> {
    checkRefName(name);
    await this.readCommit(commit);
    await this.#refs.update(`refs/heads/${name}`, commit, expected);
  }

  async updateBranches(updates: readonly BranchUpdate[]): Promise<void> {
    for (const { name, commit } of updates) {
      checkRefName(name);
      await this.readCommit(commit);
    }
    const made = updates.filter(({ expected }) => expected === undefined);
    const isMany = made.length > 1;
    if (isMany) await this.#refs.createAll(new Map(made.map(({ name, commit }) => [`refs/heads/${name}`, commit])));
    for (const { name, commit, expected } of isMany ? updates.filter((update) => !made.includes(update)) : updates) {
      await this.#refs.update(`refs/heads/${name}`, commit, expected);
    }
  }

  async deleteBranch(name: string): Promise<void> {
    checkRefName(name);
    await this.#refs.remove(`refs/heads/${name}`);
  }

  async writeTag(name: string, commit: CommitId): Promise<void> {
    checkRefName(name);
    await this.readCommit(commit);
    if ((await this.#refs.find(`refs/tags/${name}`)) !== undefined) {
      throw new WsvcError('usage', `There is a tag "${name}" already.`, {
        suggestions: [`Delete it first, with "wsvc tag -d ${name}".`],
      });
    }
    await this.#refs.update(`refs/tags/${name}`, commit, undefined);
  }

  async deleteTag(name: string): Promise<void> {
    checkRefName(name);
    await this.#refs.remove(`refs/tags/${name}`);
  }

  readHead(): Promise<Head> {
    return this.#refs.readHead();
  }

  async writeHead(head: { readonly branch: string } | { readonly commit: CommitId }): Promise<void> {
    if ('branch' in head) checkRefName(head.branch);
    else await this.readCommit(head.commit);
    await this.#refs.writeHead(head);
  }

  resolveRevision(revision: string, positions?: FindPosition): Promise<CommitId> {
    const parentsOf = async (id: CommitId) => (await this.readCommit(id)).parents;
    return resolveRevision({ objects: this.#objects, refs: this.#refs, parentsOf }, revision, positions);
  }

  async findMergeBase(a: CommitId, b: CommitId): Promise<CommitId | undefined> {
    const { fs, gitDirectory: gitdir, cache } = this.#objects;
    const [base]: readonly unknown[] = await git.findMergeBase({ fs, gitdir, cache, oids: [a, b] });
    return base === undefined ? undefined : parseCommitId(String(base));
  }

  async readRecords(name: string): Promise<RecordTree> {
    const id = await this.#refs.find(`refs/wsvc/${name}`);
    if (id === undefined) return { files: new Map() };
    const commit = parseCommitId(id);
    const files = new Map<string, GitObjectId>();
    for await (const file of this.#trees.files((await this.readCommit(commit)).tree)) files.set(file.path, file.id);
    return { commit, files };
  }

  async readRecord(file: GitObjectId): Promise<Uint8Array> {
    const { type, content } = await this.#objects.read(file);
    if (type !== 'blob') throw new CorruptError(`git object ${file} is a ${type} where a record must be`);
    return content;
  }

  async writeRecords(name: string, records: NewRecords, expected: CommitId | undefined): Promise<CommitId> {
    const batch = new GitObjectBatch(this.#objects, this.#disk);
    const parents = expected === undefined ? [] : [expected];
    const tree = await writeRecordTree(batch, records.files);
    const { message, author } = records;
    const content = encodeCommit({ parents, tree, message, author });
    const commit = parseCommitId(await batch.write({ type: 'commit', content }));
    await batch.flush();
    await this.#refs.update(`refs/wsvc/${name}`, commit, expected);
    return commit;
  }

  async listPins(): Promise<readonly CommitId[]> {
    const refs = await this.#refs.list('any');
    return refs.filter(({ fullName }) => fullName.startsWith(PINS)).map(({ id }) => parseCommitId(id));
  }

  async writePin(commit: CommitId): Promise<void> {
    await this.readCommit(commit);
    const name = `${PINS}${commit}`;
    if ((await this.#refs.find(name)) === undefined) await this.#refs.update(name, commit, undefined);
  }

  async deletePin(commit: CommitId): Promise<void> {
    await this.#refs.remove(`${PINS}${commit}`);
  }

  async listStaged(): Promise<readonly StagedEntry[]> {
    const staged: StagedEntry[] = [];
    for (const [path, id] of await this.#index.read()) staged.push({ path, pointer: await this.readPointer(id) });
    return staged;
  }

  async stage(path: string, pointer: Pointer): Promise<void> {
    checkTreePath(path);
    const id = await this.#objects.write({ type: 'blob', content: encoder.encode(formatPointer(pointer)) });
    await this.#index.update((entries) => entries.set(path, id));
  }

  async stageAll(entries: readonly StagedEntry[]): Promise<void> {
    const [only] = entries;
    if (only !== undefined && entries.length === 1) return this.stage(only.path, only.pointer);
    const batch = new GitObjectBatch(this.#objects, this.#disk);
    const blobs = new Map<string, GitObjectId>();
    for (const { path, pointer } of entries) {
      checkTreePath(path);
      blobs.set(path, await batch.write({ type: 'blob', content: encoder.encode(formatPointer(pointer)) }));
    }
    await batch.flush();
    await this.#index.update((staged) => {
      for (const [path, id] of blobs) staged.set(path, id);
    });
  }

  async unstage(paths?: readonly string[]): Promise<void> {
    await this.#index.update((entries) => {
      for (const path of paths ?? [...entries.keys()]) entries.delete(path);
    });
  }
}

/** Opens the history of a repository: `gitDirectory` is its `.wsvc`. */
export async function openHistory(gitDirectory: string, disk: Disk = nodeDisk): Promise<History> {
  return new GitHistory(gitDirectory, disk);
}

/** Makes an empty history (a bare git directory) or completes one, and opens it. */
export async function createHistory(gitDirectory: string, disk: Disk = nodeDisk): Promise<History> {
  await createRepositoryLayout(gitDirectory, disk);
  return openHistory(gitDirectory, disk);
}
