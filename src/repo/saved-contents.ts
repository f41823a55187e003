import { toHex } from '../bytes/hex.ts';
import type { FormatName } from '../formats/format.ts';
import { type FileHash, type ManifestId, parseFileHash } from '../objects/ids.ts';
import type { Manifest } from '../objects/manifest.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import { readSavedTable, rememberSavedTable, type SavedContents } from './saved-table.ts';
import { viewKey } from './view-cache.ts';

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
  const text = toHex(payload);
  return Array.from({ length: text.length / 64 }, (_, i) => parseFileHash(text.slice(64 * i, 64 * (i + 1))));
}

const recordOf = (key: ManifestId, hashes: readonly FileHash[]) => ({
  key,
  payload: Buffer.from(hashes.join(''), 'hex'),
});

/** Remembers which files checkpoints that were just committed consist of: their manifests are at hand. */
export async function rememberFileHashes(
  repository: Repository,
  committed: readonly ({ readonly id: ManifestId } & Pick<Manifest, 'format' | 'files'>)[],
): Promise<void> {
  const several = committed.filter(({ format }) => !SINGLE_FILE.has(format));
  const hashesOf = ({ files }: Pick<Manifest, 'files'>) => files.map(({ sha256 }) => sha256);
  await repository.commits.append(several.map((manifest) => recordOf(manifest.id, hashesOf(manifest))));
}

/**
 * As {@link readSavedHashes}, from what earlier commands remembered where it can be: for a report, not for deciding whether a file may be
 * overwritten, which asks the stored manifests themselves.
 */
async function recallSavedHashes(
  repository: Repository,
  recorded: Iterable<RecordedCheckpoint>,
): Promise<ReadonlySet<FileHash>> {
  const learned: ReturnType<typeof recordOf>[] = [];
  const saved = await readSavedHashes(repository, recorded, async (id) => {
    const known = repository.commits.get(id);
    if (known !== undefined) return decodeHashes(known);
    const hashes = await readFileHashes(repository, id);
    learned.push(recordOf(id, hashes));
    return hashes;
  });
  await repository.commits.append(learned);
  return saved;
}

/** What the history holds, as a report wants it: remembered by where the refs stand. */
export async function recallSaved(repository: Repository): Promise<SavedContents> {
  const key = await viewKey(repository);
  const known = readSavedTable(repository.derivedDirectory, key);
  if (known !== undefined) return known;
  const recorded = [...(await readRecordedCheckpoints(repository)).values()];
  const paths = new Set(recorded.flatMap(({ checkpoint }) => (checkpoint === undefined ? [] : [checkpoint.path])));
  const saved = { hashes: await recallSavedHashes(repository, recorded), paths };
  // Another process may have moved a ref in the meantime.
  if ((await viewKey(repository)) === key) rememberSavedTable(repository.derivedDirectory, key, saved);
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
