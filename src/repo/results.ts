/**
 * What the operations return and `--json` prints, unchanged (the promise of the command line). Ids are hex strings here:
 * these records leave the library. What lineage says is in `lineage-results.ts`.
 */

export interface PlacementResult {
  readonly trajectory: string | null;
  readonly position: number | null;
  /** Commit the weights come from, or null. */
  readonly parent: string | null;
  readonly relation: string;
  readonly confidence: number;
  readonly isNewTrajectory: boolean;
}

export interface AddedFile {
  readonly path: string;
  readonly manifest: string;
  readonly sha256: string;
  readonly format: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
  /** What the repository grew by for this file. */
  readonly storedBytes: number;
  /** An earlier file of those added that is the same, byte for byte. */
  readonly sameAs?: string;
  readonly placement: PlacementResult;
  /** Why no weights were read, when a file that looked like a known format is broken. */
  readonly problem?: string;
  /** With `--move`: whether the file was taken away. */
  readonly moved?: boolean;
  /** Why it was not: it has changed since it was read, or it is broken and so young that it may be being written still. */
  readonly left?: 'changed' | 'unfinished';
}

export interface AddResult {
  readonly added: readonly AddedFile[];
  /** Files of the named folders that were passed over; absent where there are none. */
  readonly skipped?: readonly SkippedFile[];
}

export interface CommittedCheckpoint {
  readonly commit: string;
  /** The branch that grew: its trajectory's, or the current one for a file without weights. */
  readonly branch: string;
  readonly paths: readonly string[];
  readonly placement: PlacementResult;
}

export interface CommitResult {
  readonly commits: readonly CommittedCheckpoint[];
  /** The branch HEAD is on, and whether it moved. */
  readonly head: { readonly branch: string | null; readonly moved: boolean };
}

export interface StatusResult {
  readonly branch: string | null;
  readonly staged: readonly { readonly path: string; readonly placement: PlacementResult | null }[];
  /** Saved once, but the file on disk differs now. */
  readonly changed: readonly string[];
  readonly untracked: readonly string[];
  /** In HEAD's tree, or staged, but not on disk. */
  readonly missing: readonly string[];
  /** Files that cannot be taken in under their names; absent where there are none. */
  readonly skipped?: readonly SkippedFile[];
  /** On disk and saved: reachable from a branch or tag. */
  readonly saved: number;
  /** Not on disk, because `add --move` took them away: the repository holds them. */
  readonly stored: readonly string[];
  /** On disk and nowhere else: their stored content was pruned. */
  readonly pruned: readonly string[];
}

/** A checkpoint near a pruned one whose content is there. */
export interface KeptNeighbor {
  /** What `restore` takes: `run-1@{10}`. */
  readonly revision: string;
  readonly commit: string | null;
  readonly source: string;
  readonly position: number;
}

/** Of a checkpoint whose content was given up by `wsvc prune`. */
export interface PrunedResult {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** What the user asked for, in words. */
  readonly policy: string;
  /** The nearest on its trajectory that were kept: before it, after it. */
  readonly kept: readonly KeptNeighbor[];
}

export interface LogEntry {
  readonly commit: string;
  readonly parents: readonly string[];
  readonly author: string;
  readonly date: string;
  readonly message: string;
  readonly paths: readonly string[];
  readonly placement: PlacementResult | null;
  /** Branches and tags that point here. */
  readonly refs: readonly string[];
  /** Present where the content was pruned: when, and by which policy. */
  readonly pruned?: Omit<PrunedResult, 'kept'>;
}

export interface LogResult {
  readonly commits: readonly LogEntry[];
}

/** Of a tensor that was not read, all that its values would tell is `null`. */
export interface ShownTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly role: string;
  readonly bytes: number;
  readonly content: string | null;
  /** Over the finite values; `null` where there is none. */
  readonly mean: number | null;
  readonly standardDeviation: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** Share of the values that are zero. */
  readonly zeroShare: number | null;
  readonly nanCount: number | null;
  readonly infinityCount: number | null;
}

export interface ShownFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string | null;
}

/** Over all tensors; those with NaN or infinities are counted, `null` where no values were read. */
export interface ShownTotals {
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
  readonly nanTensors: number | null;
  readonly infinityTensors: number | null;
}

export interface ShowResult {
  readonly commit: string | null;
  readonly manifest: string | null;
  readonly path: string;
  /** Of the first file; `null` where it was not read. */
  readonly sha256: string | null;
  readonly format: string;
  readonly bytes: number;
  readonly parameters: number;
  /** The first is the one that was named; the others are its shards. */
  readonly files: readonly ShownFile[];
  readonly tensors: readonly ShownTensor[];
  readonly totals: ShownTotals;
  /** What is in a file on disk and not read, and why. */
  readonly unread?: readonly { readonly name: string; readonly reason: string }[];
  readonly declared: Readonly<Record<string, string | number>>;
  readonly placement: PlacementResult | null;
  readonly problem?: string;
  /** Present where the content was pruned. */
  readonly pruned?: PrunedResult;
}

export interface RestoredFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** The first file that was restored, and all of them. */
export interface RestoreResult extends RestoredFile {
  /** Of a conversion: what was written otherwise than it stood, and what was left out. */
  readonly notes?: readonly string[];
  readonly restored: readonly RestoredFile[];
  /** Paths of a folder that were passed over because their content was pruned. */
  readonly pruned: readonly string[];
  /** Of several, those that are damaged; absent where there are none. */
  readonly failed?: readonly { readonly path: string; readonly problem: string }[];
}

/** A file that was found in a folder and cannot be taken in under its name. */
export interface SkippedFile {
  /** As it can be shown. */
  readonly path: string;
  readonly problem: string;
}

export interface NamedCommit {
  readonly name: string;
  readonly commit: string;
  readonly current?: boolean;
}

export interface FsckFinding {
  readonly level: 'connectivity' | 'stored' | 'content' | 'git' | 'derived';
  /** The object concerned: a blob, manifest, commit, ref or pack. */
  readonly object: string;
  readonly problem: string;
  /** Commits that cannot be restored because of it. */
  readonly commits: readonly string[];
}

export interface FsckResult {
  readonly findings: readonly FsckFinding[];
  readonly checked: {
    readonly commits: number;
    readonly manifests: number;
    /** Checkpoints whose content was pruned: nothing of theirs is expected. */
    readonly pruned: number;
    readonly blobs: number;
    /** Stored bytes that were looked at. */
    readonly bytes: number;
  };
  /** False where refs, commits or the staging area cannot be read: which commits need what is then known in part only. */
  readonly isHistoryWhole: boolean;
  /** With `prove`: files restored, their bytes, and how many of these differ from what was added. */
  readonly proof?: { readonly files: number; readonly bytes: number; readonly differingBytes: number };
}

export interface ReindexResult {
  readonly checkpoints: number;
}
