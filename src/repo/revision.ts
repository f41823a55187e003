import type { CommitId } from '../objects/ids.ts';
import { readLineageView } from './lineage-view.ts';
import type { Repository } from './repository.ts';

/** The commit at a position of a trajectory: `run-1@{3}`. */
async function commitAt(repository: Repository, trajectory: string, position: number): Promise<CommitId | undefined> {
  const view = await readLineageView(repository);
  const entries = view.trajectories.find(({ name }) => name === trajectory)?.entries;
  return entries?.find((entry) => entry.position === position)?.commit;
}

/**
 * Resolves a revision: git's syntax, and `TRAJECTORY@{POSITION}`.
 *
 * @throws WsvcError `not-found` or `usage`.
 */
export function resolveRevision(repository: Repository, revision: string): Promise<CommitId> {
  return repository.history.resolveRevision(revision, (trajectory, position) =>
    commitAt(repository, trajectory, position),
  );
}
