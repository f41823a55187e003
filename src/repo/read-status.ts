import { stat } from 'node:fs/promises';
import path from 'node:path';
import { readMoved } from './moved-files.ts';
import { describeTrailers } from './placement-result.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import type { StatusResult } from './results.ts';
import { recallSavedHashes } from './saved-contents.ts';
import { createFileHasher } from './stat-cache.ts';
import { listModelFiles, toTreePath } from './work-tree.ts';

type Hasher = Awaited<ReturnType<typeof createFileHasher>>;

/** Every path that was ever committed. */
function committedPaths(recorded: Iterable<RecordedCheckpoint>): ReadonlySet<string> {
  return new Set([...recorded].flatMap(({ checkpoint }) => (checkpoint === undefined ? [] : [checkpoint.path])));
}

async function filesOnDisk(repository: Repository, known: ReadonlySet<string>) {
  const { files: found, skipped } = await listModelFiles(repository, repository.workTree);
  const files = new Set(found.map((file) => toTreePath(repository, file)));
  for (const file of known) if (!files.has(file) && (await isThere(repository, file))) files.add(file);
  return { files: [...files].sort(), skipped };
}

async function isThere(repository: Repository, treePath: string): Promise<boolean> {
  return stat(path.join(repository.workTree, treePath)).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function classify(repository: Repository, hasher: Hasher) {
  const recorded = await readRecordedCheckpoints(repository);
  const committed = committedPaths(recorded.values());
  const staged = new Map((await repository.history.listStaged()).map(({ path: file, pointer }) => [file, pointer]));
  const saved = await recallSavedHashes(repository, recorded.values());
  const { checkpoints } = await repository.pruned.read();
  const gone = new Set(checkpoints.flatMap(({ files }) => files.map((file) => file.sha256)));
  const [changed, untracked, pruned]: [string[], string[], string[]] = [[], [], []];
  let savedCount = 0;
  const { files, skipped } = await filesOnDisk(repository, new Set([...committed, ...staged.keys()]));
  for (const file of files) {
    const sha256 = await hasher(path.join(repository.workTree, file));
    if (staged.get(file)?.sha256 === sha256) continue;
    if (saved.has(sha256)) savedCount += 1;
    else if (gone.has(sha256)) pruned.push(file);
    else if (committed.has(file) || staged.has(file)) changed.push(file);
    else untracked.push(file);
  }
  return { recorded, staged, changed, untracked, pruned, savedCount, skipped };
}

/**
 * Says which model files are safe: staged, changed since they were saved, or never saved. Files that were not touched since
 * they were hashed are not read again.
 */
export async function readStatus(repository: Repository): Promise<StatusResult> {
  const { recorded, staged, changed, untracked, pruned, savedCount, skipped } = await classify(
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
    if (moved.has(file) || (await isThere(repository, file))) continue;
    const { manifest } = await repository.history.readPointer(pointer);
    if ((await repository.pruned.find(manifest)) === undefined) missing.push(file);
  }
  for (const file of staged.keys())
    if (!tracked.has(file) && !moved.has(file) && !(await isThere(repository, file))) missing.push(file);
  const placements = new Map(
    [...recorded.values()].flatMap(({ checkpoint, trailers }) =>
      checkpoint === undefined || trailers === undefined
        ? []
        : [[checkpoint.pointer.manifest, describeTrailers(trailers, false)] as const],
    ),
  );
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
