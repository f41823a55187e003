import { readAllPending, storageOrder } from './add-files.ts';
import { listBasesBy } from './base-sources.ts';
import { commitPending } from './commit-pending.ts';
import type { TrajectoryLogResult } from './lineage-results.ts';
import { readLineageView } from './lineage-view.ts';
import { describeTrajectories } from './log-trajectory.ts';
import type { Operation } from './operation.ts';
import { type PendingCheckpoint, pendingWeightReader, pointerOf } from './pending.ts';
import { placePending } from './place-pending.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import { type Repository, withLock } from './repository.ts';
import { rememberFileHashes } from './saved-contents.ts';
import { stagedMembers } from './staged.ts';
import { storePending } from './store-pending.ts';
import { resolveModelFiles } from './work-tree.ts';

/** Without those that an earlier, perhaps interrupted, import committed: same path, same content. */
async function notYetCommitted(
  pending: readonly PendingCheckpoint[],
  repository: Repository,
): Promise<readonly PendingCheckpoint[]> {
  const done = new Set(
    [...(await readRecordedCheckpoints(repository)).values()].flatMap(({ checkpoint }) =>
      checkpoint === undefined ? [] : [`${checkpoint.pointer.manifest} ${checkpoint.path}`],
    ),
  );
  return pending.filter(({ plan, path }) => !done.has(`${plan.id} ${path}`));
}

async function* importUnderLock(
  repository: Repository,
  named: readonly string[],
  message?: string,
): Operation<TrajectoryLogResult> {
  const { files, skipped } = await resolveModelFiles(repository, named);
  const read = yield* readAllPending(repository, files);
  const pending = await notYetCommitted(read, repository);
  if (pending.length > 0) {
    yield { phase: 'Recovering trajectories', done: 0, total: 1 };
    const fresh = pending.map(({ plan, summary, path }) => ({ id: plan.id, summary, source: path }));
    const paths = new Set(pending.map(({ path }) => path));
    const waiting = await stagedMembers(repository, paths);
    const { view, placements } = await placePending(
      repository,
      [...waiting, ...fresh],
      pendingWeightReader(repository, pending),
    );
    yield* storePending(repository, storageOrder(pending, placements), placements, await listBasesBy(view));
    const ready = pending.map((checkpoint) => ({
      path: checkpoint.path,
      pointer: pointerOf(checkpoint),
      placement: placements.get(checkpoint.plan.id),
    }));
    yield* commitPending(repository, ready, view, message);
    await rememberFileHashes(
      repository,
      pending.map(({ plan: { id, manifest } }) => ({ ...manifest, id })),
    );
    await repository.history.unstage([...paths]);
  }
  const result = await describeTrajectories(repository, await readLineageView(repository));
  return skipped.length > 0 ? { ...result, skipped } : result;
}

/**
 * Stores and commits a whole folder of unlabelled files at once: recovers trajectories, their order and forks. Run again
 * after an interruption, it goes on where it stopped.
 *
 * @throws WsvcError `usage`, `not-found`, `locked`; `bad-file` when a file changes while it is read.
 */
export function importFiles(
  repository: Repository,
  named: readonly string[],
  message?: string,
): Operation<TrajectoryLogResult> {
  return withLock(repository, 'wsvc import', () => importUnderLock(repository, named, message));
}
