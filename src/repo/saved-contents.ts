import type { FormatName } from '../formats/format.ts';
import { type FileHash, type ManifestId, parseFileHash } from '../objects/ids.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
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

async function readFileHashes(repository: Repository, id: ManifestId): Promise<readonly FileHash[]> {
  return (await repository.checkpoints.manifest(id)).files.map(({ sha256 }) => sha256);
}

/** As a derived record: the hashes, one after the other. They never change, for the manifest's name is its content. */
function decodeHashes(payload: Uint8Array): readonly FileHash[] {
  const text = Buffer.from(payload).toString('hex');
  return Array.from({ length: text.length / 64 }, (_, i) => parseFileHash(text.slice(64 * i, 64 * (i + 1))));
}

/**
 * As {@link readSavedHashes}, from what earlier commands remembered where it can be: for a report, not for deciding whether a file may be
 * overwritten, which asks the stored manifests themselves.
 */
export async function recallSavedHashes(
  repository: Repository,
  recorded: Iterable<RecordedCheckpoint>,
): Promise<ReadonlySet<FileHash>> {
  const learned = new Map<ManifestId, readonly FileHash[]>();
  const saved = await readSavedHashes(repository, recorded, async (id) => {
    const known = repository.commits.get(id);
    if (known !== undefined) return decodeHashes(known);
    const hashes = await readFileHashes(repository, id);
    learned.set(id, hashes);
    return hashes;
  });
  const records = [...learned].map(([key, hashes]) => ({ key, payload: Buffer.from(hashes.join(''), 'hex') }));
  await repository.commits.append(records);
  return saved;
}

/** Hashes of every file that a branch or tag reaches, and whose content was not pruned: what is among them cannot be lost by overwriting it on disk. */
export async function readSavedHashes(
  repository: Repository,
  recorded: Iterable<RecordedCheckpoint>,
  hashesOf = (id: ManifestId) => readFileHashes(repository, id),
): Promise<ReadonlySet<FileHash>> {
  const saved = new Set<FileHash>();
  const { byId: pruned } = await repository.pruned.read();
  for (const { checkpoint } of recorded) {
    if (checkpoint === undefined || pruned.has(checkpoint.pointer.manifest)) continue;
    saved.add(checkpoint.pointer.sha256);
    if (SINGLE_FILE.has(checkpoint.pointer.format)) continue;
    for (const sha256 of await hashesOf(checkpoint.pointer.manifest)) saved.add(sha256);
  }
  return saved;
}
