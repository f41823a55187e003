import type { ManifestId } from '../objects/ids.ts';
import type { Operation } from './operation.ts';
import { blobsOf } from './reachable.ts';
import { type Repository, withLock } from './repository.ts';
import { revivePruned } from './revive-pruned.ts';

/** True while everything of a pruned checkpoint is still stored. */
async function isStillStored(fresh: Repository, id: ManifestId): Promise<boolean> {
  if (!(await fresh.blobs.has(id))) return false;
  for (const blob of blobsOf(await fresh.checkpoints.storedManifest(id)))
    if (!(await fresh.blobs.has(blob))) return false;
  return true;
}

/** Checkpoints that count as pruned, and whose content is stored still. */
export async function listStillStored(repository: Repository): Promise<readonly ManifestId[]> {
  const stored: ManifestId[] = [];
  for (const { id } of (await repository.pruned.read()).checkpoints)
    if (await isStillStored(repository, id)) stored.push(id);
  return stored;
}

/** What was brought back, and what a garbage collection has taken away since. */
export interface UndoPruneResult {
  readonly revived: number;
  readonly gone: number;
}

/** Takes back all pruning of checkpoints whose content has not been collected yet. @throws WsvcError `locked` */
export function undoPrune(repository: Repository): Operation<UndoPruneResult> {
  return withLock(repository, 'wsvc prune --undo', async function* () {
    const { checkpoints } = await repository.pruned.read();
    yield { phase: 'Looking for content', done: 0, total: checkpoints.length };
    const revived = await revivePruned(repository, await listStillStored(repository));
    return { revived, gone: checkpoints.length - revived };
  });
}
