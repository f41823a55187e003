import { WsvcError } from '../errors.ts';
import { commitPending } from './commit-pending.ts';
import type { Operation } from './operation.ts';
import { type DeclaredPlace, placePending } from './place-pending.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import { type Repository, withLock } from './repository.ts';
import type { CommitResult } from './results.ts';
import { resolveRevision } from './revision.ts';
import { stagedMembers } from './staged.ts';

export interface CommitOptions {
  readonly message?: string;
  /** Revision that the staged checkpoints are declared to come from. */
  readonly onto?: string;
  /** Trajectory that they are declared to lie on. */
  readonly trajectory?: string;
}

async function declaredPlace(repository: Repository, options: CommitOptions): Promise<DeclaredPlace> {
  const trajectory = options.trajectory === undefined ? {} : { trajectory: options.trajectory };
  if (options.onto === undefined) return trajectory;
  const commit = await resolveRevision(repository, options.onto);
  const recorded = (await readRecordedCheckpoints(repository)).get(commit);
  if (recorded?.checkpoint === undefined) throw new WsvcError('usage', `${options.onto} holds no checkpoint.`);
  return { ...trajectory, parent: recorded.checkpoint.pointer.manifest };
}

async function* commitUnderLock(repository: Repository, options: CommitOptions): Operation<CommitResult> {
  const staged = await repository.history.listStaged();
  if (staged.length === 0) {
    throw new WsvcError('usage', 'Nothing is staged.', { suggestions: ['Use "wsvc add FILE" first.'] });
  }
  yield { phase: 'Placing', done: 0, total: staged.length };
  const members = await stagedMembers(repository);
  const declared = await declaredPlace(repository, options);
  const { view, placements } = await placePending(repository, members, repository.checkpoints, declared);
  const ready = staged.map(({ path, pointer }) => ({ path, pointer, placement: placements.get(pointer.manifest) }));
  const result = yield* commitPending(repository, ready, view, options.message);
  await repository.history.unstage(ready.map(({ path }) => path));
  return result;
}

/**
 * Turns what is staged into commits, one a checkpoint, each on the branch of its trajectory.
 *
 * @throws WsvcError `usage` when nothing is staged; `locked`; `not-found` for an unknown revision.
 */
export function commitStaged(repository: Repository, options: CommitOptions = {}): Operation<CommitResult> {
  return withLock(repository, 'wsvc commit', () => commitUnderLock(repository, options));
}
