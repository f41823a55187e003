import { collectBytes, copyBytes } from '../../bytes/collect.ts';
import { memorySource } from '../../bytes/memory-source.ts';
import { wholeUnits } from '../../bytes/whole-units.ts';
import { valuesPerElement } from '../../tensors/decode.ts';
import { elementByteLength } from '../../tensors/dtype.ts';
import { swapWords } from '../../tensors/host.ts';
import { permuteElements } from '../../tensors/permute.ts';
import type { ArrayHeader } from './header.ts';

/** True when the elements stand in the file as they are to be read. */
export function isPlain(header: ArrayHeader): boolean {
  return !header.isBigEndian && !header.isFortran;
}

async function* swapPieces(pieces: AsyncIterable<Uint8Array>, wordByteLength: number): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) {
    const swapped = copyBytes(piece);
    swapWords(swapped, wordByteLength);
    yield swapped;
  }
}

/** Fortran order is row-major in the reversed shape. The last element may belong first, so the whole array is in memory. */
async function* toRowMajor(pieces: AsyncIterable<Uint8Array>, header: ArrayHeader): AsyncIterable<Uint8Array> {
  const reversed = header.shape.toReversed();
  const order = header.shape.map((_, axis) => header.shape.length - 1 - axis);
  const bytes = permuteElements(await collectBytes(pieces), elementByteLength(header.dtype), reversed, order);
  yield* memorySource(bytes).stream();
}

/**
 * Brings an array's elements to row-major order and little-endian bytes, in pieces of whole elements.
 *
 * @param stored the bytes behind the header, as they stand in the file
 */
export function orderElements(stored: AsyncIterable<Uint8Array>, header: ArrayHeader): AsyncIterable<Uint8Array> {
  const byteLength = elementByteLength(header.dtype);
  const pieces = wholeUnits(stored, byteLength);
  const ordered = header.isBigEndian ? swapPieces(pieces, byteLength / valuesPerElement(header.dtype)) : pieces;
  return header.isFortran ? toRowMajor(ordered, header) : ordered;
}
