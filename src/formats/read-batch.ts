import type { ByteSource } from '../bytes/source.ts';
import { decodeToFloat32, valuesPerElement } from '../tensors/decode.ts';
import { type DType, elementByteLength } from '../tensors/dtype.ts';
import type { WeightArray } from '../tensors/weights.ts';
import type { FileRange, OpenCheckpoint } from './format.ts';
import type { ValueRoom } from './value-room.ts';
import { cutShape, isWhole, valueCount, type Wanted } from './wanted.ts';

/** Small tensors of one type that stand side by side in a file, as they are, and are wanted whole. */
export interface Batch {
  readonly source: ByteSource;
  readonly dtype: DType;
  readonly offset: number;
  readonly byteLength: number;
  readonly members: readonly Wanted[];
}

/** Bytes that are read together at most. */
const BATCH_BYTES = 1 << 18;
/** Bytes of one of the tensors at most. */
const MEMBER_BYTES = 1 << 15;

/** Where a tensor stands that may be read together with others: undefined for one that is large, cut, turned or not there as it is. */
function memberPlace(wanted: Wanted): FileRange | undefined {
  const { at, dtype, toCanonical } = wanted.tensor;
  const isPlain = at !== undefined && toCanonical === undefined && isWhole(wanted);
  if (!isPlain || at.byteLength === 0 || at.byteLength > MEMBER_BYTES) return undefined;
  const values = (at.byteLength / elementByteLength(dtype)) * valuesPerElement(dtype);
  return values === valueCount(wanted.tensor) ? at : undefined;
}

/** The tensors from one of the wanted on that are read together; undefined where it would be only that one. */
export function batchFrom({ files }: OpenCheckpoint, wanted: readonly Wanted[], from: number): Batch | undefined {
  const first = wanted[from];
  const place = first && memberPlace(first);
  if (first === undefined || place === undefined) return undefined;
  const source = files[place.file]?.source;
  if (source === undefined) return undefined;
  const { dtype } = first.tensor;
  let end = place.offset;
  let to = from;
  for (let next: Wanted | undefined = first; next?.tensor.dtype === dtype; next = wanted[++to]) {
    const at = memberPlace(next);
    if (at === undefined || at.file !== place.file || at.offset !== end) break;
    if (end + at.byteLength - place.offset > BATCH_BYTES) break;
    end += at.byteLength;
  }
  if (to - from < 2) return undefined;
  return { source, dtype, offset: place.offset, byteLength: end - place.offset, members: wanted.slice(from, to) };
}

/** Reads and decodes a batch at once; its tensors share one piece of memory. A hundred thousand reads of their own take longer than what is read. */
export async function readBatch(
  { source, dtype, offset, byteLength, members }: Batch,
  room: ValueRoom,
  weights: Map<string, WeightArray>,
): Promise<void> {
  const bytes = await source.read(offset, byteLength);
  const count = (byteLength / elementByteLength(dtype)) * valuesPerElement(dtype);
  const values = decodeToFloat32(dtype, bytes, room.take(count));
  let at = 0;
  for (const wanted of members) {
    const end = at + valueCount(wanted.tensor);
    weights.set(wanted.tensor.name, { shape: cutShape(wanted), data: values.subarray(at, end) });
    at = end;
  }
}
