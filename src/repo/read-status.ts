import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { ManifestId } from '../objects/ids.ts';
import { readMoved } from './moved-files.ts';
import { describeTrailers } from './placement-result.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import type { PlacementResult, StatusResult } from './results.ts';
import { recallSaved } from './saved-contents.ts';
import { createFileHasher } from './stat-cache.ts';
import { listModelFiles, toTreePath } from './work-tree.ts';

type Hasher = Awaited<ReturnType<typeof createFileHasher>>;

async function filesOnDisk(repository: Repository, known: Iterable<string>) {
  const { files: found, skipped } = await listModelFiles(repository, repository.workTree);
  const files = new Set(found.map((file) => toTreePath(repository, file)));
  for (const file of known) if (!files.has(file) && (await isThere(repository, file))) files.add(file);
  return { files, skipped };
}

async function isThere(repository: Repository, treePath: string): Promise<boolean> {
  return stat(path.join(repository.workTree, treePath)).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function classify(repository: Repository, hasher: Hasher) {
  const { hashes: saved, paths: committed } = await recallSaved(repository);
  const staged = new Map((await repository.history.listStaged()).map(({ path: file, pointer }) => [file, pointer]));
  const { checkpoints } = await repository.pruned.read();
  const gone = new Set(checkpoints.flatMap(({ files }) => files.map((file) => file.sha256)));
  const [changed, untracked, pruned]: [string[], string[], string[]] = [[], [], []];
  let savedCount = 0;
  const { files, skipped } = await filesOnDisk(repository, new Set([...committed, ...staged.keys()]));
  for (const file of [...files].sort()) {
    const sha256 = await hasher(path.join(repository.workTree, file));
    if (staged.get(file)?.sha256 === sha256) continue;
    if (saved.has(sha256)) savedCount += 1;
    else if (gone.has(sha256)) pruned.push(file);
    else if (committed.has(file) || staged.has(file)) changed.push(file);
    else untracked.push(file);
  }
  return { files, staged, changed, untracked, pruned, savedCount, skipped };
}

/** Where checkpoints were placed by the commits that hold them. */
async function readPlacements(repository: Repository): Promise<ReadonlyMap<ManifestId, PlacementResult>> {
  const recorded = [...(await readRecordedCheckpoints(repository)).values()];
  return new Map(
    recorded.flatMap(({ checkpoint, trailers }) =>
      checkpoint === undefined || trailers === undefined
        ? []
        : [[checkpoint.pointer.manifest, describeTrailers(trailers, false)] as const],
    ),
  );
}

/**
 * Says which model files are safe: staged, changed since they were saved, or never saved. Files that were not touched since
 * they were hashed are not read again.
 */
export async function readStatus(repository: Repository): Promise<StatusResult> {
  const { files, staged, changed, untracked, pruned, savedCount, skipped } = await classify(
    repository,
    await createFileHasher(repository),
  );
  const head = await repository.history.readHead();
  const tracked = head.commit === undefined ? new Map() : await repository.history.listPointers(head.commit);
  const moved = new Map((await readMoved(repository)).map((one) => [one.path, one]));
  const stored: string[] = [];
  for (const { path: file, pointer } of moved.values()) {
    const isPruned = (await repository.pruned.find(pointer.manifest)) !== undefined;
    if (!isPruned && !(await isThere(repository, file))) stored.push(file);
  }
  const missing: string[] = [];
  for (const [file, pointer] of tracked) {
    if (moved.has(file) || files.has(file) || (await isThere(repository, file))) continue;
    const { manifest } = await repository.history.readPointer(pointer);
    if ((await repository.pruned.find(manifest)) === undefined) missing.push(file);
  }
  for (const file of staged.keys())
    if (!tracked.has(file) && !moved.has(file) && !(await isThere(repository, file))) missing.push(file);
  const placements = staged.size === 0 ? new Map() : await readPlacements(repository);
  return {
    branch: head.kind === 'branch' ? head.branch : null,
    staged: [...staged].map(([file, pointer]) => ({ path: file, placement: placements.get(pointer.manifest) ?? null })),
    changed,
    untracked,
    missing: missing.sort(),
    saved: savedCount,
    stored: stored.sort(),
    pruned,
    ...(skipped.length > 0 ? { skipped } : {}),
  };
}
