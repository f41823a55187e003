import { sha256Hex } from '../bytes/sha256.ts';
import { WsvcError } from '../errors.ts';
import type { OpenCheckpoint } from '../formats/format.ts';
import type { BlobId } from '../objects/ids.ts';
import type { BlobBatch, BlobHint } from '../store/blob-store.ts';
import type { CheckpointPlan, PlannedBlob } from './plan-checkpoint.ts';

/** Names a stored chunk that a chunk of the new checkpoint may be coded against. */
export type FindBase = (tensor: string, chunkIndex: number) => BlobId | undefined;

/** A file that is not what it was when it was hashed: somebody is still writing it. */
function changedWhileRead(): WsvcError {
  return new WsvcError('bad-file', 'The file changed while it was read.', {
    suggestions: ['Wait until whatever writes the file has finished, then add it again.'],
  });
}

async function readPlanned(checkpoint: OpenCheckpoint, blob: PlannedBlob): Promise<Uint8Array> {
  const source = checkpoint.files[blob.file]?.source;
  if (source === undefined) throw changedWhileRead();
  const plain = await source.read(blob.offset, blob.byteLength);
  if (sha256Hex(plain) !== blob.id) throw changedWhileRead();
  return plain;
}

/**
 * Puts a planned checkpoint's blobs, then its manifest, into a batch. They become visible when the batch is committed.
 *
 * @returns what the repository grows by, in bytes.
 */
export async function storeCheckpoint(
  batch: BlobBatch,
  checkpoint: OpenCheckpoint,
  plan: CheckpointPlan,
  options: { readonly has: (id: BlobId) => Promise<boolean>; readonly findBase: FindBase; onBytes?(n: number): void },
): Promise<number> {
  let storedBytes = 0;
  for (const blob of plan.blobs) {
    if (!(await options.has(blob.id))) {
      const base = blob.chunk === undefined ? undefined : options.findBase(blob.chunk.tensor, blob.chunk.index);
      const hint: BlobHint = {
        type: blob.type,
        ...(base === undefined ? {} : { base }),
        ...(blob.row === undefined ? {} : { row: blob.row }),
      };
      const put = await batch.put(blob.id, await readPlanned(checkpoint, blob), hint);
      storedBytes += put.isNew ? put.storedBytes : 0;
    }
    options.onBytes?.(blob.byteLength);
  }
  const manifest = await batch.put(plan.id, plan.encodedManifest, { type: 'bytes' });
  return storedBytes + (manifest.isNew ? manifest.storedBytes : 0);
}
