import type { CommitId, GitObjectId } from '../objects/ids.ts';
import type { Pointer } from '../objects/pointer.ts';

export interface Signature {
  readonly name: string;
  readonly email: string;
  /** Seconds since 1970, UTC. */
  readonly timestamp: number;
  /** Minutes west of UTC, as git and Date.getTimezoneOffset have it. */
  readonly timezoneOffset: number;
}

export interface Commit {
  readonly id: CommitId;
  readonly parents: readonly CommitId[];
  readonly tree: GitObjectId;
  readonly message: string;
  readonly author: Signature;
}

/** Where HEAD stands: on a branch (perhaps one without a commit yet) or on a commit. */
export type Head =
  | { readonly kind: 'branch'; readonly branch: string; readonly commit?: CommitId }
  | { readonly kind: 'detached'; readonly commit: CommitId };

export interface Ref {
  /** Short name: `run-1`, `v1.0`. */
  readonly name: string;
  readonly commit: CommitId;
}

/** One checkpoint to commit. */
export interface NewCommit {
  readonly parents: readonly CommitId[];
  readonly path: string;
  readonly pointer: Pointer;
  readonly message: string;
  readonly author: Signature;
}

/** Commits that become durable together: two flushes for all of them, where `History.writeCommit` takes six for each. */
export interface CommitBatch {
  /** As `History.writeCommit`; parents may be commits of this batch. Nobody else sees it before `commit`. */
  writeCommit(commit: NewCommit): Promise<CommitId>;
  /** Makes all commits durable and visible. Only then may a branch move to one. */
  commit(): Promise<void>;
}

/** Files that wsvc keeps in the history beside the checkpoints, with every earlier state of them. */
export interface RecordTree {
  /** The commit that holds them; absent before the first. */
  readonly commit?: CommitId;
  /** By path. */
  readonly files: ReadonlyMap<string, GitObjectId>;
}

/** A new state of a {@link RecordTree}. */
export interface NewRecords {
  readonly message: string;
  readonly author: Signature;
  /** Contents of new files; files that stay are named by their object. */
  readonly files: ReadonlyMap<string, Uint8Array | GitObjectId>;
}

/** A branch that moves. */
export interface BranchUpdate {
  readonly name: string;
  readonly commit: CommitId;
  /** Where it stands; undefined for one that must not exist. */
  readonly expected: CommitId | undefined;
}

export interface StagedEntry {
  readonly path: string;
  readonly pointer: Pointer;
}

/** The git side of a repository: commits, trees of pointers, refs, HEAD, staging. Every write is durable when its promise resolves. */
export interface History {
  readCommit(id: CommitId): Promise<Commit>;
  /** Writes the parent's tree with `path` added or replaced, and a commit on it. No ref moves. */
  writeCommit(commit: NewCommit): Promise<CommitId>;
  /** Begins many commits at once, for `import`; dropping the batch leaves nothing behind. */
  beginCommits(): CommitBatch;
  /** All pointers in a commit's tree, by path; files that are none (a README committed with stock git) are passed over. */
  listPointers(id: CommitId): Promise<ReadonlyMap<string, GitObjectId>>;
  /** The pointer at a path in a commit's tree, if there is one: asked of one path, it reads the folders on its way alone. */
  findPointer(id: CommitId, path: string): Promise<GitObjectId | undefined>;
  readPointer(blob: GitObjectId): Promise<Pointer>;
  /** Paths that a commit adds or replaces against its first parent (one, as wsvc writes them). */
  changedPaths(id: CommitId): Promise<readonly { readonly path: string; readonly pointer: GitObjectId }[]>;

  /** Where all refs of any kind (but those of records) and HEAD stand: what these reach is in the history. */
  listTips(): Promise<readonly CommitId[]>;
  listBranches(): Promise<readonly Ref[]>;
  listTags(): Promise<readonly Ref[]>;
  /** Moves or makes a branch under its `.lock`, only if it still stands at `expected` (undefined: must not exist). @throws WsvcError `locked` */
  updateBranch(name: string, commit: CommitId, expected: CommitId | undefined): Promise<void>;
  /** As `updateBranch` for many; those that are new become durable together. An interruption may leave some moved and some not. */
  updateBranches(updates: readonly BranchUpdate[]): Promise<void>;
  deleteBranch(name: string): Promise<void>;
  /** @throws WsvcError `usage` when there is a tag of that name. */
  writeTag(name: string, commit: CommitId): Promise<void>;
  deleteTag(name: string): Promise<void>;
  readHead(): Promise<Head>;
  writeHead(head: { readonly branch: string } | { readonly commit: CommitId }): Promise<void>;

  /**
   * Resolves git revision syntax: `HEAD`, `main`, `v1`, full or abbreviated ids, `REV~2`, `REV^`, `@`, and wsvc's `run-1@{3}`
   * where `positions` says which commit stands at a trajectory's position.
   *
   * @throws WsvcError `not-found`, or `usage` for an ambiguous abbreviation.
   */
  resolveRevision(
    revision: string,
    positions?: (trajectory: string, position: number) => Promise<CommitId | undefined>,
  ): Promise<CommitId>;
  findMergeBase(a: CommitId, b: CommitId): Promise<CommitId | undefined>;

  /** Reads wsvc's own ref of that name (`refs/wsvc/<name>`). */
  readRecords(name: string): Promise<RecordTree>;
  /** The bytes of a file of a record tree. */
  readRecord(file: GitObjectId): Promise<Uint8Array>;
  /** Replaces a record tree, only if it still stands at `expected`. @throws WsvcError `locked` */
  writeRecords(name: string, records: NewRecords, expected: CommitId | undefined): Promise<CommitId>;
  /** Commits that users have pinned, by their refs `refs/wsvc/pins/<commit>`. */
  listPins(): Promise<readonly CommitId[]>;
  writePin(commit: CommitId): Promise<void>;
  /** Harmless where there is none. */
  deletePin(commit: CommitId): Promise<void>;

  listStaged(): Promise<readonly StagedEntry[]>;
  stage(path: string, pointer: Pointer): Promise<void>;
  /** Stages many at once: durable together, and the staging area is written once. */
  stageAll(entries: readonly StagedEntry[]): Promise<void>;
  /** Removes paths from the staging area; all of them when none is named. */
  unstage(paths?: readonly string[]): Promise<void>;
}
