import type { FormatName } from '../formats/format.ts';
import type { FileHash } from '../objects/ids.ts';
import type { RecordedCheckpoint } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';

/** Formats whose checkpoints are always one file: for the others the manifest tells the parts. */
const SINGLE_FILE: ReadonlySet<FormatName> = new Set([
  'pytorch-zip',
  'pytorch-legacy',
  'pytorch-tar',
  'sb3',
  'npy',
  'npz',
  'unknown',
]);

/** Hashes of every file that a branch or tag reaches: what is among them cannot be lost by overwriting it on disk. */
export async function readSavedHashes(
  repository: Repository,
  recorded: Iterable<RecordedCheckpoint>,
): Promise<ReadonlySet<FileHash>> {
  const saved = new Set<FileHash>();
  for (const { checkpoint } of recorded) {
    if (checkpoint === undefined) continue;
    saved.add(checkpoint.pointer.sha256);
    if (SINGLE_FILE.has(checkpoint.pointer.format)) continue;
    for (const file of (await repository.checkpoints.manifest(checkpoint.pointer.manifest)).files)
      saved.add(file.sha256);
  }
  return saved;
}
