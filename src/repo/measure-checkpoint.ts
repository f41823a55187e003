import { createSha256, sha256Hex } from '../bytes/sha256.ts';
import { BadFileError } from '../errors.ts';
import { ChecksumCheck } from '../formats/checksums.ts';
import type { CheckpointFile, OpenCheckpoint, TensorEntry } from '../formats/format.ts';
import { type BlobId, parseBlobId } from '../objects/ids.ts';
import { contentIdOf } from '../sketch/tensor-pass.ts';
import { chunkByteLength } from '../tensors/chunks.ts';
import { decodeToFloat32, exactDoubles, valuesPerElement } from '../tensors/decode.ts';
import { elementByteLength, elementCount } from '../tensors/dtype.ts';
import { createStatistics, type TensorStatistics } from '../tensors/statistics.ts';

/** What reading one tensor tells. */
export interface MeasuredTensor {
  readonly content: string;
  readonly statistics: TensorStatistics;
}

/** Room for one chunk, used by one tensor after the other. */
export interface MeasureBuffers {
  readonly chunk: Uint8Array;
  readonly values: Float32Array;
}

/** Makes room for one chunk of any type. */
export function createMeasureBuffers(): MeasureBuffers {
  const byteLength = chunkByteLength('f64');
  return { chunk: new Uint8Array(byteLength), values: new Float32Array(byteLength / 4) };
}

/**
 * Reads a tensor once: statistics and content id. No sketch is made, which is most of what `add` spends.
 *
 * @throws BadFileError when it does not decode.
 */
export async function measureTensor(
  checkpoint: OpenCheckpoint,
  entry: TensorEntry,
  buffers: MeasureBuffers,
): Promise<MeasuredTensor> {
  const { dtype } = entry;
  const chunk = buffers.chunk.subarray(0, chunkByteLength(dtype));
  const statistics = createStatistics();
  const chunks: BlobId[] = [];
  let filled = 0;
  let byteLength = 0;
  const endChunk = (): void => {
    const bytes = chunk.subarray(0, filled);
    filled = 0;
    chunks.push(parseBlobId(sha256Hex(bytes)));
    statistics.add(decodeToFloat32(dtype, bytes, buffers.values), exactDoubles(dtype, bytes));
  };
  for await (const piece of checkpoint.readTensor(entry)) {
    byteLength += piece.byteLength;
    for (let at = 0; at < piece.byteLength; ) {
      const count = Math.min(piece.byteLength - at, chunk.byteLength - filled);
      chunk.set(piece.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled === chunk.byteLength) endChunk();
    }
  }
  if (filled > 0) endChunk();
  if (byteLength !== elementCount(entry.shape) * elementByteLength(dtype)) {
    const rule = `tensor ${JSON.stringify(entry.name)} must have as many bytes as its shape says`;
    throw new BadFileError({ format: checkpoint.format, rule });
  }
  return { content: contentIdOf(chunks), statistics: statistics.result() };
}

/** How many numbers a tensor's statistics are over: a complex number is two. */
export function valueCount({ shape, dtype }: Pick<TensorEntry, 'shape' | 'dtype'>): number {
  return elementCount(shape) * valuesPerElement(dtype);
}

/**
 * Hashes a file of a checkpoint.
 *
 * @throws BadFileError when a part has another checksum than the file states.
 */
export async function hashFile(checkpoint: OpenCheckpoint, { source }: CheckpointFile): Promise<string> {
  const hash = createSha256();
  const check = new ChecksumCheck(
    checkpoint,
    checkpoint.files.findIndex((file) => file.source === source),
  );
  for await (const piece of source.stream()) {
    hash.update(piece);
    check.write(piece);
  }
  return hash.hex();
}
