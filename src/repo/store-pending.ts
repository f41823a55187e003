import { stat } from 'node:fs/promises';
import type { ManifestId } from '../objects/ids.ts';
import { findBaseIn } from './find-base.ts';
import { filesOf, type PendingCheckpoint, withOpenFile } from './pending.ts';
import type { Placement } from './place-pending.ts';
import type { Repository } from './repository.ts';
import type { ProgressEvent } from './results.ts';
import { revivePruned } from './revive-pruned.ts';
import { type HashedFile, rememberSaved } from './stat-cache.ts';
import { storeCheckpoint } from './store-checkpoint.ts';

/** Plain bytes after which a batch is closed and the next begun: bounds what an interrupted import has to repeat. */
const BATCH_BYTES = 256 * 1024 * 1024;

/** Groups checkpoints so that each group becomes one pack. */
function* groups(pending: readonly PendingCheckpoint[]): Iterable<readonly PendingCheckpoint[]> {
  let group: PendingCheckpoint[] = [];
  let total = 0;
  for (const checkpoint of pending) {
    group.push(checkpoint);
    total += checkpoint.plan.blobs.reduce((sum, blob) => sum + blob.byteLength, 0);
    if (total < BATCH_BYTES) continue;
    yield group;
    group = [];
    total = 0;
  }
  if (group.length > 0) yield group;
}

async function baseOf(
  repository: Repository,
  placement: Placement | undefined,
  pending: ReadonlyMap<ManifestId, PendingCheckpoint>,
) {
  const [parent] = [...(placement?.parents ?? [])].sort((a, b) => b.weight - a.weight);
  if (parent === undefined || parent.id === placement?.id) return undefined;
  return pending.get(parent.id)?.summary ?? repository.checkpoints.summary(parent.id);
}

/** Remembers size and time of the files as they were stored, so that `status` need not hash them again. */
async function rememberFiles(repository: Repository, stored: readonly PendingCheckpoint[]): Promise<void> {
  const entries: HashedFile[] = [];
  for (const checkpoint of stored) {
    const files = filesOf(checkpoint);
    for (const [index, { sha256 }] of checkpoint.summary.files.entries()) {
      const file = files[index];
      if (file !== undefined) entries.push({ file, sha256, stats: await stat(file) });
    }
  }
  await rememberSaved(repository, entries);
}

/**
 * Stores checkpoints in the order given, each coded against the one it comes from: blobs and manifests are durable when
 * this returns.
 *
 * @returns by manifest, what the repository grew by, in bytes.
 */
export async function* storePending(
  repository: Repository,
  ordered: readonly PendingCheckpoint[],
  placements: ReadonlyMap<ManifestId, Placement>,
): AsyncGenerator<ProgressEvent, ReadonlyMap<ManifestId, number>, void> {
  const pending = new Map(ordered.map((checkpoint) => [checkpoint.plan.id, checkpoint]));
  const grown = new Map<ManifestId, number>();
  for (const group of groups(ordered)) {
    const batch = await repository.blobs.beginBatch();
    try {
      for (const checkpoint of group) {
        yield { phase: 'Storing', done: grown.size, total: ordered.length, detail: checkpoint.path };
        const base = await baseOf(repository, placements.get(checkpoint.plan.id), pending);
        const bytes = await withOpenFile(checkpoint.absolutePath, (open) =>
          storeCheckpoint(batch, open, checkpoint.plan, {
            has: (id) => repository.blobs.has(id),
            findBase: findBaseIn(checkpoint.summary, base),
          }),
        );
        grown.set(checkpoint.plan.id, (grown.get(checkpoint.plan.id) ?? 0) + bytes);
      }
      await batch.commit();
    } finally {
      await batch.discard();
    }
    await revivePruned(
      repository,
      group.map(({ plan }) => plan.id),
    );
    await repository.checkpoints.rememberSummaries(new Map(group.map(({ plan, summary }) => [plan.id, summary])));
    await rememberFiles(repository, group);
  }
  return grown;
}
