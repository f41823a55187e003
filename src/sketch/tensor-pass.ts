import { fromHex } from '../bytes/hex.ts';
import { createSha256, sha256Hex } from '../bytes/sha256.ts';
import type { TensorEntry } from '../formats/format.ts';
import { type BlobId, type ContentId, parseBlobId, parseContentId } from '../objects/ids.ts';
import { chunkByteLength } from '../tensors/chunks.ts';
import { decodeToFloat32, exactDoubles, float32InPlace } from '../tensors/decode.ts';
import { isFloat } from '../tensors/dtype.ts';
import type { StatisticsAccumulator } from '../tensors/statistics.ts';
import type { StatisticsTable } from '../tensors/statistics-table.ts';
import type { ChunkRoom } from '../tensors/value-memory.ts';
import { type RunningSketch, startSketch } from './small-sketch.ts';
import type { TensorSummary } from './summary.ts';
import type { SketchTotals } from './tensor-sketch.ts';

/** The shape with its axes in channels-first order. */
export function channelsFirstShape(entry: Pick<TensorEntry, 'shape' | 'toCanonical'>): readonly number[] {
  return entry.toCanonical?.map((axis) => entry.shape[axis] ?? 1) ?? entry.shape;
}

/** For every axis as it is stored, which axis of the channels-first shape it is. */
function storedAxes(entry: TensorEntry): readonly number[] {
  return entry.shape.map((_, axis) => entry.toCanonical?.indexOf(axis) ?? axis);
}

/** A tensor's content id: of its plain bytes, or of its chunk ids when it has several (objects/ids.ts). */
export function contentIdOf(chunks: readonly BlobId[]): ContentId {
  const [only, ...others] = chunks;
  if (only === undefined) return parseContentId(sha256Hex(new Uint8Array(0)));
  if (others.length === 0) return parseContentId(only);
  const hash = createSha256();
  for (const chunk of chunks) hash.update(fromHex(chunk));
  return parseContentId(hash.hex());
}

/** Summarises one tensor as its plain bytes stream by; it holds one chunk. */
export class TensorPass {
  readonly #entry: TensorEntry;
  readonly #chunkByteLength: number;
  readonly #chunks: BlobId[] = [];
  readonly #statistics: StatisticsAccumulator;
  readonly #sketch: RunningSketch | undefined;
  readonly #buffers: PassBuffers;
  readonly #table: StatisticsTable;
  #filled = 0;
  #byteLength = 0;

  constructor(entry: TensorEntry, { buffers, statistics, table }: PassRoom) {
    this.#entry = entry;
    this.#buffers = buffers;
    this.#statistics = statistics;
    this.#table = table;
    statistics.restart();
    const isWeight = entry.role === 'weight' && isFloat(entry.dtype);
    this.#sketch = isWeight ? startSketch(channelsFirstShape(entry), storedAxes(entry)) : undefined;
    this.#chunkByteLength = chunkByteLength(entry.dtype);
  }

  /** Bytes taken so far. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** True for weights of two axes or more. */
  get isMatrix(): boolean {
    return this.#sketch?.isMatrix ?? false;
  }

  write(bytes: Uint8Array): void {
    this.#byteLength += bytes.byteLength;
    for (let at = 0; at < bytes.byteLength; ) {
      const count = Math.min(bytes.byteLength - at, this.#chunkByteLength - this.#filled);
      this.#buffers.chunk().set(bytes.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === this.#chunkByteLength) this.#endChunk();
    }
  }

  /** Ends the tensor and adds it to the checkpoint's totals. */
  finish(totals: SketchTotals): TensorSummary {
    if (this.#filled > 0) this.#endChunk();
    this.#sketch?.finish(totals);
    return {
      name: this.#entry.name,
      dtype: this.#entry.dtype,
      shape: channelsFirstShape(this.#entry),
      role: this.#entry.role,
      content: contentIdOf(this.#chunks),
      // A copy: what a list was pushed to has room for more, which most tensors never need.
      chunks: this.#chunks.slice(),
      statistics: this.#table.add(this.#statistics.result()),
    };
  }

  #endChunk(): void {
    const bytes = this.#buffers.chunk().subarray(0, this.#filled);
    this.#filled = 0;
    this.#chunks.push(parseBlobId(sha256Hex(bytes)));
    const { dtype } = this.#entry;
    const values = float32InPlace(dtype, bytes) ?? decodeToFloat32(dtype, bytes, this.#buffers.values());
    const isAllFinite = this.#statistics.add(values, exactDoubles(dtype, bytes));
    this.#sketch?.add(values, isAllFinite);
  }
}

/** What one tensor after the other uses. */
export interface PassRoom {
  readonly buffers: PassBuffers;
  readonly statistics: StatisticsAccumulator;
  readonly table: StatisticsTable;
}

/** Room for one chunk, used by one tensor after the other. */
export type PassBuffers = ChunkRoom;
