import { invariant } from '../assert.ts';
import { wholeUnits } from '../bytes/whole-units.ts';
import { WsvcError } from '../errors.ts';
import { decodeToFloat32 } from '../tensors/decode.ts';
import { type DType, elementByteLength, elementCount, isFloat } from '../tensors/dtype.ts';
import { encodeFromFloat32 } from '../tensors/encode.ts';
import type { FormatWriter, WritableTensor } from './writer.ts';

const MIN_INT32 = -(2n ** 31n);
const MAX_INT32 = 2n ** 31n - 1n;

const READ_WHOLE = {
  i64: (view, at) => view.getBigInt64(at, true),
  u64: (view, at) => view.getBigUint64(at, true),
  i32: (view, at) => BigInt(view.getInt32(at, true)),
  u32: (view, at) => BigInt(view.getUint32(at, true)),
  i16: (view, at) => BigInt(view.getInt16(at, true)),
  u16: (view, at) => BigInt(view.getUint16(at, true)),
  i8: (view, at) => BigInt(view.getInt8(at)),
  u8: (view, at) => BigInt(view.getUint8(at)),
} as const satisfies Partial<Record<DType, (view: DataView, at: number) => bigint>>;

function isWhole(dtype: DType): dtype is keyof typeof READ_WHOLE {
  return Object.hasOwn(READ_WHOLE, dtype);
}

function toInt32(tensor: WritableTensor, dtype: keyof typeof READ_WHOLE, bytes: Uint8Array): Uint8Array {
  const step = elementByteLength(dtype);
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new DataView(new ArrayBuffer((bytes.byteLength / step) * 4));
  for (let i = 0; i * step < bytes.byteLength; i += 1) {
    const value = READ_WHOLE[dtype](from, i * step);
    if (value < MIN_INT32 || value > MAX_INT32) {
      throw new WsvcError('usage', `The value ${value} of ${JSON.stringify(tensor.name)} does not fit 32 bits.`);
    }
    out.setInt32(i * 4, Number(value), true);
  }
  return new Uint8Array(out.buffer);
}

function convertPiece(tensor: WritableTensor, to: DType, bytes: Uint8Array): Uint8Array {
  const { dtype } = tensor;
  if (to === 'i32' && isWhole(dtype)) return toInt32(tensor, dtype, bytes);
  invariant(isFloat(dtype) && dtype !== 'f64' && to === 'f32', `${dtype} is not written as ${to}`);
  return encodeFromFloat32('f32', decodeToFloat32(dtype, bytes));
}

async function* convertPieces(tensor: WritableTensor, to: DType): AsyncIterable<Uint8Array> {
  for await (const piece of wholeUnits(tensor.bytes(), elementByteLength(tensor.dtype))) {
    yield convertPiece(tensor, to, piece);
  }
}

/** Passes a tensor's bytes on and counts them: a file must not be written around bytes that are missing. */
async function* exactly(tensor: WritableTensor, byteLength: number): AsyncIterable<Uint8Array> {
  let length = 0;
  for await (const piece of tensor.bytes()) {
    length += piece.byteLength;
    yield piece;
  }
  invariant(length === byteLength, `${tensor.name} has ${byteLength} bytes`);
}

/** Bytes of all of a tensor's elements. */
export function tensorByteLength(tensor: Pick<WritableTensor, 'dtype' | 'shape'>): number {
  return elementCount(tensor.shape) * elementByteLength(tensor.dtype);
}

function convert(tensor: WritableTensor, to: DType | undefined, format: string): WritableTensor {
  if (to === undefined) {
    throw new WsvcError(
      'usage',
      `${format} cannot hold ${JSON.stringify(tensor.name)}: it has no type for ${tensor.dtype}.`,
    );
  }
  if (to === tensor.dtype) return { ...tensor, bytes: () => exactly(tensor, tensorByteLength(tensor)) };
  return { ...tensor, dtype: to, bytes: () => convertPieces(tensor, to) };
}

/**
 * Brings tensors to the types that a format has; no value changes.
 *
 * @throws WsvcError `usage` for a type that the format cannot hold, and for two tensors of one name; while the bytes are
 *   read, for a whole number that does not fit.
 */
export function convertTensors(
  tensors: readonly WritableTensor[],
  writer: Pick<FormatWriter, 'format' | 'writtenAs'>,
): readonly WritableTensor[] {
  const names = new Set<string>();
  return tensors.map((tensor) => {
    if (names.has(tensor.name)) throw new WsvcError('usage', `Two tensors are called ${JSON.stringify(tensor.name)}.`);
    names.add(tensor.name);
    return convert(tensor, writer.writtenAs(tensor.dtype), writer.format);
  });
}
