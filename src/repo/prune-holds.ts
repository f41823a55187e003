import type { CommitId, ManifestId } from '../objects/ids.ts';
import type { Holds, KeepReason } from './prune-policy.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import type { Repository } from './repository.ts';
import { resolveRevision } from './revision.ts';

/** What each commit of the history added. */
export type Recorded = ReadonlyMap<CommitId, RecordedCheckpoint>;

/** The checkpoints that commits added. */
export function checkpointsAt(recorded: Recorded, commits: readonly CommitId[]): readonly ManifestId[] {
  return commits.flatMap((commit) => recorded.get(commit)?.checkpoint?.pointer.manifest ?? []);
}

/**
 * Checkpoints that stay whatever a policy says, and why: tips, tags, pins, and what is staged.
 *
 * @param pins - revisions that are taken for pinned, as in a dry run that would pin them.
 */
export async function readHolds(repository: Repository, recorded: Recorded, pins: readonly string[]): Promise<Holds> {
  const { history } = repository;
  const holds = new Map<ManifestId, KeepReason>();
  const hold = (ids: readonly ManifestId[], reason: KeepReason): void => {
    for (const id of ids) if (!holds.has(id)) holds.set(id, reason);
  };
  const commitsOf = (refs: readonly { readonly commit: CommitId }[]) => refs.map(({ commit }) => commit);
  const asked: CommitId[] = [];
  for (const revision of pins) asked.push(await resolveRevision(repository, revision));
  const head = await history.readHead();
  hold(checkpointsAt(recorded, commitsOf(await history.listBranches())), 'branch tip');
  hold(checkpointsAt(recorded, head.commit === undefined ? [] : [head.commit]), 'branch tip');
  hold(checkpointsAt(recorded, commitsOf(await history.listTags())), 'tag');
  hold(checkpointsAt(recorded, [...(await history.listPins()), ...asked]), 'pin');
  hold(
    (await history.listStaged()).map(({ pointer }) => pointer.manifest),
    'staged',
  );
  return holds;
}
