import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../store/disk.ts';
import { readLineageView } from './lineage-view.ts';
import type { Operation } from './operation.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import { openRepository, type Repository, withLock } from './repository.ts';
import type { ReindexResult } from './results.ts';

/** Where it is computed before it counts. */
const BESIDE = 'derived.new';
/** Where the old data stands until the new one is in its place. */
const OLD = 'derived.old';

/** Puts the new data where the old was. In between there is none at all, which is as good: it is computed when it is asked for. */
async function swapIn({ directory, derivedDirectory, blobs }: Repository, beside: string): Promise<void> {
  const old = path.join(directory, OLD);
  await rename(derivedDirectory, old).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  await rename(beside, derivedDirectory);
  await blobs.disk.syncDirectory(directory);
  await rm(old, { recursive: true, force: true });
}

async function* reindexUnderLock(repository: Repository): Operation<ReindexResult> {
  const beside = path.join(repository.directory, BESIDE);
  for (const name of [BESIDE, OLD]) await rm(path.join(repository.directory, name), { recursive: true, force: true });
  await mkdir(beside);
  try {
    const fresh = await openRepository(
      { ...repository.environment, workingDirectory: repository.workTree },
      { derivedDirectory: beside },
    );
    const recorded = [...(await readRecordedCheckpoints(fresh)).values()].flatMap(({ checkpoint }) => checkpoint ?? []);
    const ids = [...new Set(recorded.map(({ pointer }) => pointer.manifest))];
    for (const [done, id] of ids.entries()) {
      yield { phase: 'Reading checkpoints', done, total: ids.length };
      await fresh.checkpoints.summary(id);
    }
    yield { phase: 'Recovering trajectories', done: 0, total: 1 };
    await readLineageView(fresh);
    await swapIn(repository, beside);
    return { checkpoints: ids.length };
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/**
 * Computes all derived data anew from the stored weights, beside the old, which it replaces when it is whole.
 *
 * @throws WsvcError `locked`; CorruptError when a checkpoint cannot be read: the old data is then as it was.
 */
export function reindex(repository: Repository): Operation<ReindexResult> {
  return withLock(repository, 'wsvc reindex', () => reindexUnderLock(repository));
}
