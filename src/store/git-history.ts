import { CorruptError, WsvcError } from '../errors.ts';
import { type CommitId, type GitObjectId, parseCommitId } from '../objects/ids.ts';
import { isPointer, type Pointer, parsePointer } from '../objects/pointer.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { CommitCache, writeCommitTo } from './git-commits.ts';
import { GitObjects } from './git-objects.ts';
import { GitObjectBatch } from './git-pack.ts';
import { GitRecords, isRecordRef } from './git-records.ts';
import { GitRefs } from './git-refs.ts';
import { GitStaging } from './git-staging.ts';
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
import { loadGit } from './isomorphic.ts';
import { createRepositoryLayout } from './layout.ts';
import { checkRefName } from './ref-names.ts';
import { type FindPosition, peelRef, resolveRevision } from './resolve-revision.ts';

const decoder = new TextDecoder();

/** History in a bare git directory, made safe against crashes and against other processes. */
class GitHistory implements History {
  readonly #disk: Disk;
  readonly #objects: GitObjects;
  readonly #trees: GitTrees;
  readonly #refs: GitRefs;
  readonly #staging: GitStaging;
  readonly #records: GitRecords;
  readonly #commits: CommitCache;
  readonly #isPointer = new Map<GitObjectId, boolean>();

  constructor(gitDirectory: string, disk: Disk) {
    this.#disk = disk;
    this.#objects = new GitObjects(gitDirectory, disk);
    this.#commits = new CommitCache(this.#objects);
    this.#trees = new GitTrees(this.#objects);
    this.#refs = new GitRefs(gitDirectory, disk);
    this.#staging = new GitStaging(this.#objects, disk);
    this.#records = new GitRecords({
      disk,
      objects: this.#objects,
      trees: this.#trees,
      refs: this.#refs,
      readCommit: (id) => this.readCommit(id),
    });
  }

  readCommit(id: CommitId): Promise<Commit> {
    return this.#commits.read(id);
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
    const ids = await Promise.all(refs.map((ref) => peelRef(this.#objects, ref)));
    const head = await this.readHead();
    return [...new Set([...ids, head.commit])].filter((id) => id !== undefined);
  }

  listBranches(): Promise<readonly Ref[]> {
    return this.#listRefs('heads');
  }

  listTags(): Promise<readonly Ref[]> {
    return this.#listRefs('tags');
  }

  async #listRefs(kind: 'heads' | 'tags'): Promise<readonly Ref[]> {
    const refs: Ref[] = [];
    for (const ref of await this.#refs.list(kind)) {
      const { fullName, id } = ref;
      // A branch is a commit by git's own rule; a tag may be annotated, or name something else altogether.
      const commit = kind === 'heads' ? parseCommitId(id) : await peelRef(this.#objects, ref);
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
    const { gitDirectory: gitdir, cache } = this.#objects;
    const fs = await this.#objects.openFs();
    const git = await loadGit();
    let bases: readonly unknown[];
    try {
      bases = await git.findMergeBase({ fs, gitdir, cache, oids: [a, b] });
    } catch (cause) {
      throw new CorruptError('a commit of the history cannot be read', { cause });
    }
    const [base] = bases;
    return base === undefined ? undefined : parseCommitId(String(base));
  }

  readRecords(name: string): Promise<RecordTree> {
    return this.#records.readTree(name);
  }

  readRecord(file: GitObjectId): Promise<Uint8Array> {
    return this.#records.read(file);
  }

  writeRecords(name: string, records: NewRecords, expected: CommitId | undefined): Promise<CommitId> {
    return this.#records.write(name, records, expected);
  }

  listPins(): Promise<readonly CommitId[]> {
    return this.#records.listPins();
  }

  writePin(commit: CommitId): Promise<void> {
    return this.#records.writePin(commit);
  }

  deletePin(commit: CommitId): Promise<void> {
    return this.#records.deletePin(commit);
  }

  listStaged(): Promise<readonly StagedEntry[]> {
    return this.#staging.list((id) => this.readPointer(id));
  }

  stage(path: string, pointer: Pointer): Promise<void> {
    return this.#staging.add(path, pointer);
  }

  stageAll(entries: readonly StagedEntry[]): Promise<void> {
    return this.#staging.addAll(entries);
  }

  unstage(paths?: readonly string[]): Promise<void> {
    return this.#staging.remove(paths);
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
