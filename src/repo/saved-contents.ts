import type { FileHash } from '../objects/ids.ts';
import type { RecordedCheckpoint } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';

/** Hashes of every file that a branch or tag reaches: what is among them cannot be lost by overwriting it on disk. */
export async function readSavedHashes(
  repository: Repository,
  recorded: Iterable<RecordedCheckpoint>,
): Promise<ReadonlySet<FileHash>> {
  const saved = new Set<FileHash>();
  for (const { checkpoint } of recorded) {
    if (checkpoint === undefined) continue;
    saved.add(checkpoint.pointer.sha256);
    if (!consistsOfParts(checkpoint.path)) continue;
    for (const file of (await repository.checkpoints.manifest(checkpoint.pointer.manifest)).files)
      saved.add(file.sha256);
  }
  return saved;
}

/** True for the primary files of checkpoints that have more files beside them: all of these are JSON. */
function consistsOfParts(path: string): boolean {
  return path.endsWith('.json');
}
