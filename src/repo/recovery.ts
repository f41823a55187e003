import { openFileSource } from '../bytes/file-source.ts';
import { sha256Hex } from '../bytes/sha256.ts';
import type { BlockType } from '../codec/codec.ts';
import type { BlobId, FileHash, ManifestId } from '../objects/ids.ts';
import type { ManifestFile } from '../objects/manifest.ts';
import type { BlobHint } from '../store/blob-store.ts';
import { PackBatch } from '../store/pack-batch.ts';
import { chunksOf } from './better-bases.ts';
import type { DonorStore, Donors } from './donors.ts';
import { isDamage, type Needed } from './lost-content.ts';
import type { ProgressEvent } from './operation.ts';
import { planFile, withOpenFile } from './pending.ts';
import type { Repository } from './repository.ts';

/** A blob that could not be read and now can, and where its bytes were found. */
export interface RecoveredBlob {
  readonly blob: string;
  readonly source: string;
}

/** Puts back blobs whose bytes were found; every put is compared with the id first. */
class Recovery {
  readonly recovered: RecoveredBlob[] = [];
  readonly #lost: ReadonlySet<BlobId>;
  readonly #batch: PackBatch;
  readonly #done = new Set<BlobId>();

  constructor(repository: Repository, lost: ReadonlySet<BlobId>) {
    this.#lost = lost;
    // A damaged copy does not count as stored. Nothing is coded against what was there: that may be damaged.
    this.#batch = new PackBatch(repository.blobs, { findKept: () => undefined, isReadAtOnce: true });
  }

  wants(id: BlobId): boolean {
    return this.#lost.has(id) && !this.#done.has(id);
  }

  async put(id: BlobId, plain: Uint8Array, hint: BlobHint, source: string): Promise<void> {
    if (!this.wants(id) || sha256Hex(plain) !== id) return;
    await this.#batch.put(id, plain, hint);
    this.#done.add(id);
    this.recovered.push({ blob: id, source });
  }

  async finish(): Promise<void> {
    try {
      await this.#batch.commit();
    } finally {
      await this.#batch.discard();
    }
  }
}

/** A blob of another repository; what it is coded against there goes before it, and serves here too. */
async function recoverFromStore(recovery: Recovery, id: BlobId, donor: DonorStore): Promise<void> {
  if (!recovery.wants(id)) return;
  try {
    const { plain, type, bases } = await donor.blobs.readPlain(id);
    for (const base of bases) await recoverFromStore(recovery, base, donor);
    const [base] = bases;
    await recovery.put(id, plain, base === undefined ? { type } : { type, base }, donor.name);
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
}

/** A lost manifest is made anew from the file it described. */
async function recoverManifest(recovery: Recovery, id: ManifestId, file: string, source: string): Promise<void> {
  const plan = await planFile(file);
  if (plan.id !== id) return;
  await recovery.put(id, plan.encodedManifest, { type: 'bytes' }, source);
  await withOpenFile(file, async ({ files }) => {
    for (const blob of plan.blobs) {
      if (!recovery.wants(blob.id)) continue;
      const plain = await files[blob.file]?.source.read(blob.offset, blob.byteLength);
      if (plain !== undefined) await recovery.put(blob.id, plain, { type: blob.type }, source);
    }
  });
}

/** The lost blobs of a stored file, from a file that has the same content. */
async function recoverSegments(
  recovery: Recovery,
  stored: ManifestFile,
  typeOf: ReadonlyMap<BlobId, BlockType>,
  file: string,
  sourceName: string,
): Promise<void> {
  const source = await openFileSource(file);
  try {
    let at = 0;
    for (const segment of stored.segments) {
      const byteLength = 'blob' in segment ? segment.byteLength : segment.literal.byteLength;
      if ('blob' in segment && recovery.wants(segment.blob)) {
        const plain = await source.read(at, byteLength);
        await recovery.put(segment.blob, plain, { type: typeOf.get(segment.blob) ?? 'bytes' }, sourceName);
      }
      at += byteLength;
    }
  } finally {
    await source.close();
  }
}

async function recoverFromFiles(
  repository: Repository,
  recovery: Recovery,
  id: ManifestId,
  sha256: FileHash,
  { files, nameOf }: Donors,
): Promise<void> {
  const primary = files.get(sha256);
  if (recovery.wants(id)) {
    if (primary !== undefined) await recoverManifest(recovery, id, primary, nameOf(primary));
    return;
  }
  const manifest = await repository.checkpoints.manifest(id);
  const typeOf = new Map(chunksOf(manifest).map(({ blob, hint }) => [blob, hint.type]));
  for (const file of manifest.files) {
    const found = files.get(file.sha256);
    if (found !== undefined) await recoverSegments(recovery, file, typeOf, found, nameOf(found));
  }
}

/**
 * Puts lost blobs back from other repositories, then from files of the same content. What a manifest names that is put back here is
 * looked for the next time.
 *
 * @returns what was put back; durable then.
 */
export async function* recoverLost(
  repository: Repository,
  needed: Needed,
  lost: ReadonlySet<BlobId>,
  donors: Donors,
): AsyncGenerator<ProgressEvent, readonly RecoveredBlob[], void> {
  const recovery = new Recovery(repository, lost);
  try {
    for (const donor of donors.stores) for (const id of lost) await recoverFromStore(recovery, id, donor);
    for (const [done, [id, sha256]] of [...needed].entries()) {
      yield { phase: 'Recovering', done, total: needed.size };
      await recoverFromFiles(repository, recovery, id, sha256, donors);
    }
  } finally {
    await recovery.finish();
  }
  return recovery.recovered;
}
