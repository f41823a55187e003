import { collectBytes } from '../../bytes/collect.ts';
import { CHUNK_BYTES } from '../../bytes/source.ts';
import { wholeUnits } from '../../bytes/whole-units.ts';
import { type DType, elementByteLength, elementCount } from '../../tensors/dtype.ts';
import type { FileRange, TensorEntry } from '../format.ts';
import { dequantize, type Quantizer } from './dequantize.ts';
import { gatherElements, isContiguous, type Layout, spanLength } from './layout.ts';
import type { TypedStorage } from './storage.ts';

/** A tensor of the file: a view of a storage. */
export interface StoredTensor {
  readonly typed: TypedStorage;
  readonly layout: Layout;
  /** What the integers stand for, where they are codes. */
  readonly quantizer?: Quantizer;
}

/** The type that readers see: codes are read as the numbers they stand for. */
export function visibleDtype(tensor: StoredTensor): DType {
  return tensor.quantizer === undefined ? tensor.typed.type.dtype : 'f32';
}

/** Bytes of the tensor as it is read, which may be more than its storage has. */
export function visibleByteLength(tensor: StoredTensor): number {
  return elementCount(tensor.layout.shape) * elementByteLength(visibleDtype(tensor));
}

/** Where the tensor's bytes stand verbatim; `undefined` when it must be decoded. */
export function findTensorRange(tensor: StoredTensor): FileRange | undefined {
  return tensor.quantizer === undefined ? findVerbatim(tensor) : undefined;
}

function findVerbatim(tensor: StoredTensor): FileRange | undefined {
  if (!isContiguous(tensor.layout)) return undefined;
  const unit = elementByteLength(tensor.typed.type.dtype);
  return tensor.typed.storage.findRange(tensor.layout.offset * unit, elementCount(tensor.layout.shape) * unit);
}

/** Where the tensor's codes stand, when it has any of 8 bits. */
export function findCodes(tensor: StoredTensor): TensorEntry['codes'] {
  const { dtype } = tensor.typed.type;
  if (tensor.quantizer === undefined || (dtype !== 'i8' && dtype !== 'u8')) return undefined;
  const at = findVerbatim(tensor);
  return at === undefined ? undefined : { ...at, form: dtype };
}

/** Yields the tensor row-major and little-endian, in pieces of whole elements of at most CHUNK_BYTES. */
export function streamTensor(tensor: StoredTensor): AsyncIterable<Uint8Array> {
  const elements = isContiguous(tensor.layout) ? streamContiguous(tensor) : streamStrided(tensor);
  const swapped = tensor.typed.storage.isBigEndian ? swapBytes(elements, tensor.typed.type.dtype) : elements;
  return tensor.quantizer === undefined ? swapped : dequantize(swapped, tensor.typed.type.dtype, tensor.quantizer);
}

function streamContiguous({ typed, layout }: StoredTensor): AsyncIterable<Uint8Array> {
  const unit = elementByteLength(typed.type.dtype);
  const byteLength = elementCount(layout.shape) * unit;
  return wholeUnits(typed.storage.stream(byteLength === 0 ? 0 : layout.offset * unit, byteLength), unit);
}

/** Holds the part of the storage that the tensor touches, never the tensor, which may be many times larger. */
async function* streamStrided({ typed, layout }: StoredTensor): AsyncIterable<Uint8Array> {
  const unit = elementByteLength(typed.type.dtype);
  const source = typed.storage.stream(layout.offset * unit, spanLength(layout) * unit);
  const span = new Uint8Array(await collectBytes(source));
  const words = wordView(span, unit);
  const wordLayout = unit === 16 ? splitElements(layout) : layout;
  const wordCount = elementCount(wordLayout.shape);
  const pieceWords = CHUNK_BYTES / words.BYTES_PER_ELEMENT;
  for (let start = 0; start < wordCount; start += pieceWords) {
    const piece = new Uint8Array(Math.min(pieceWords, wordCount - start) * words.BYTES_PER_ELEMENT);
    gatherElements<ReturnType<typeof wordView>>(wordLayout, words, start, wordView(piece, unit));
    yield piece;
  }
}

/** Elements of 16 bytes are moved as two words: one more axis, and strides in words. */
function splitElements({ shape, strides }: Layout): Layout {
  return { offset: 0, shape: [...shape, 2], strides: [...strides.map((stride) => stride * 2), 1] };
}

function wordView(bytes: Uint8Array, unit: number): Uint8Array | Uint16Array | Uint32Array | BigUint64Array {
  const { buffer } = bytes;
  if (unit === 1) return bytes;
  if (unit === 2) return new Uint16Array(buffer);
  return unit === 4 ? new Uint32Array(buffer) : new BigUint64Array(buffer);
}

/** Bytes that change order together: a complex number is two of its parts. */
function swapUnit(dtype: DType): number {
  return dtype === 'c64' || dtype === 'c128' ? elementByteLength(dtype) / 2 : elementByteLength(dtype);
}

async function* swapBytes(pieces: AsyncIterable<Uint8Array>, dtype: DType): AsyncIterable<Uint8Array> {
  const unit = swapUnit(dtype);
  for await (const piece of pieces) {
    const copy = Buffer.from(piece);
    if (unit === 2) copy.swap16();
    else if (unit === 4) copy.swap32();
    else if (unit === 8) copy.swap64();
    yield new Uint8Array(copy.buffer, copy.byteOffset, copy.byteLength);
  }
}
