import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { CHUNK_BYTES } from '../../src/bytes/source.ts';
import type { WritableTensor } from '../../src/formats/writer.ts';
import { findWriter } from '../../src/formats/writers.ts';
import { type DType, elementByteLength, elementCount } from '../../src/tensors/dtype.ts';

/** One piece of what is all zeros; it is known by being this very array. */
const ZEROS = new Uint8Array(CHUNK_BYTES);

/** Bytes that begin with `first` and go on with zeros. */
export async function* hollowBytes(byteLength: number, first: Uint8Array): AsyncIterable<Uint8Array> {
  const head = first.subarray(0, byteLength);
  if (head.byteLength > 0) yield head;
  for (let at = head.byteLength; at < byteLength; at += CHUNK_BYTES) {
    yield byteLength - at < CHUNK_BYTES ? ZEROS.subarray(0, byteLength - at) : ZEROS;
  }
}

/** A tensor of zeros, but for its first bytes. */
export function hollowTensor(name: string, dtype: DType, shape: readonly number[], first: Uint8Array): WritableTensor {
  const byteLength = elementCount(shape) * elementByteLength(dtype);
  return { name, dtype, shape, bytes: () => hollowBytes(byteLength, first) };
}

/** Writes a stream to a file; zeros become holes. Returns its length. */
export async function writeSparse(path: string, stream: AsyncIterable<Uint8Array>): Promise<number> {
  const handle = await open(path, 'w');
  let position = 0;
  try {
    for await (const piece of stream) {
      if (piece.buffer !== ZEROS.buffer) await handle.write(piece, 0, piece.byteLength, position);
      position += piece.byteLength;
    }
    await handle.truncate(position);
  } finally {
    await handle.close();
  }
  return position;
}

/** Writes a model in one of wsvc's formats, as {@link writeSparse} does. */
export async function writeSparseModel(
  folder: string,
  fileName: string,
  format: string,
  tensors: readonly WritableTensor[],
): Promise<number> {
  const [file] = findWriter(format)?.write(tensors, { fileName }) ?? [];
  if (file === undefined) throw new Error(`wsvc does not write ${format}`);
  return writeSparse(join(folder, fileName), file.bytes());
}
