import { join } from 'node:path';
import { WsvcError } from '../errors.ts';
import type { CommitId, ManifestId } from '../objects/ids.ts';
import { readMoved } from './moved-files.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import { isPresent } from './work-tree.ts';

async function readManifests(repository: Repository, tips?: readonly CommitId[]): Promise<ReadonlySet<ManifestId>> {
  const recorded = (await readRecordedCheckpoints(repository, tips)).values();
  return new Set([...recorded].flatMap(({ checkpoint }) => checkpoint?.pointer.manifest ?? []));
}

/**
 * Refuses to leave a commit that holds the only copy of a file: one that `add --move` took away.
 *
 * @param tips - what branches and tags will reach afterwards.
 * @throws WsvcError `not-saved`
 */
export async function checkMovedStaySaved(repository: Repository, tips: readonly CommitId[]): Promise<void> {
  const moved = (await readMoved(repository)).filter(({ isWaiting }) => !isWaiting);
  if (moved.length === 0) return;
  const [before, after] = [await readManifests(repository), await readManifests(repository, tips)];
  for (const { path, pointer } of moved) {
    if (!before.has(pointer.manifest) || after.has(pointer.manifest)) continue;
    if (await isPresent(join(repository.workTree, path))) continue;
    if ((await repository.pruned.find(pointer.manifest)) !== undefined) continue;
    throw new WsvcError('not-saved', `${path} was moved in, and no branch or tag would reach its only copy.`, {
      suggestions: [`Use "wsvc restore ${path}" first, or give its commit a branch or a tag.`],
    });
  }
}
