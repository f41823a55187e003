/**
 * The library behind the `wsvc` command: open a repository, then call operations on it. Long operations are async generators
 * that yield progress and return their result.
 */

export { directoryFiles } from './bytes/directory-files.ts';
export type { ByteSource, FileSet, FileStamp } from './bytes/source.ts';
export { BadFileError, CorruptError, WsvcError, type WsvcErrorCode } from './errors.ts';
export type { Declared, FormatName, OpenCheckpoint, TensorEntry, TensorRole } from './formats/format.ts';
export { readWeights } from './formats/read-weights.ts';
export { openCheckpoint, openKnownCheckpoint } from './formats/registry.ts';
export { addFiles } from './repo/add-files.ts';
export { type CatResult, catFile } from './repo/cat-file.ts';
export { checkRepository, type FsckOptions } from './repo/check-repository.ts';
export {
  collectGarbage,
  type GarbageOptions,
  type GarbageResult,
  type PlannedRecoding,
} from './repo/collect-garbage.ts';
export { type CommitOptions, commitStaged } from './repo/commit-staged.ts';
export { type ConvertOptions, convertCheckpoint } from './repo/convert-checkpoint.ts';
export { type DiffSide, diffCheckpoints, readFileSide, readStoredSide } from './repo/diff-checkpoints.ts';
export type { Environment } from './repo/environment.ts';
export { type IdentifyOptions, identifyFiles } from './repo/identify-files.ts';
export { importFiles } from './repo/import-files.ts';
export { readLineageGraph } from './repo/lineage-graph.ts';
export type * from './repo/lineage-results.ts';
export { logHistory } from './repo/log-history.ts';
export { logTrajectories } from './repo/log-trajectory.ts';
export { measureUsage, type UsageResult, type UsageShare } from './repo/measure-usage.ts';
export { monitorRun } from './repo/monitor-run.ts';
export type * from './repo/operation.ts';
export {
  type PruneOptions,
  type PruneResult,
  pruneCheckpoints,
} from './repo/prune-checkpoints.ts';
export { readStatus } from './repo/read-status.ts';
export {
  createBranch,
  createTag,
  deleteBranch,
  deleteTag,
  findMergeBase,
  listBranches,
  listTags,
} from './repo/refs.ts';
export { reindex } from './repo/reindex.ts';
export { type RepairResult, repairRepository } from './repo/repair-repository.ts';
export { initRepository, openRepository, type Repository } from './repo/repository.ts';
export { type ResetOptions, type ResetResult, resetStaging } from './repo/reset-staging.ts';
export { type RestoreOptions, restoreFiles } from './repo/restore-files.ts';
export type * from './repo/results.ts';
export { showFile, showStored } from './repo/show-checkpoint.ts';
export { type SwitchOptions, type SwitchResult, switchBranch } from './repo/switch-branch.ts';
export { type UndoPruneResult, undoPrune } from './repo/undo-prune.ts';
export { summarize } from './sketch/summarize.ts';
export type { Summary, TensorStatistics, TensorSummary } from './sketch/summary.ts';
export type { DType } from './tensors/dtype.ts';
export type { WeightArray, Weights } from './tensors/weights.ts';
