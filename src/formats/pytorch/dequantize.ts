import { copyBytes } from '../../bytes/collect.ts';
import { decodeToFloat32 } from '../../tensors/decode.ts';
import type { DType } from '../../tensors/dtype.ts';

/** How integer codes become numbers: `(code - zeroPoint) * scale` in f32, as PyTorch computes it, per tensor or per slice of one axis. */
export interface Quantizer {
  readonly scales: Float32Array;
  readonly zeroPoints: Float32Array;
  /** How many consecutive elements share a scale; the scales repeat after the last. */
  readonly runLength: number;
}

/** Pieces grow by this factor at most: a byte becomes a float of four. */
const GROWTH = 4;

/** Yields the numbers that codes stand for, as little-endian f32. */
export async function* dequantize(
  pieces: AsyncIterable<Uint8Array>,
  dtype: DType,
  quantizer: Quantizer,
): AsyncIterable<Uint8Array> {
  let position = 0;
  for await (const piece of pieces) {
    const quarter = Math.max(4, piece.byteLength / GROWTH - ((piece.byteLength / GROWTH) % 4));
    for (let at = 0; at < piece.byteLength; at += quarter) {
      const codes = readCodes(copyBytes(piece.subarray(at, at + quarter)), dtype);
      yield decode(codes, position, quantizer);
      position += codes.length;
    }
  }
}

type Codes = Int8Array | Uint8Array | Int32Array | Float32Array;

/** Codes of 16 bits, and those that are floats of 8, are exact as f32. */
function readCodes(bytes: Uint8Array, dtype: DType): Codes {
  if (dtype === 'i8') return new Int8Array(bytes.buffer);
  if (dtype === 'i32') return new Int32Array(bytes.buffer);
  return dtype === 'u8' ? bytes : decodeToFloat32(dtype, bytes);
}

function decode(codes: Codes, start: number, quantizer: Quantizer): Uint8Array {
  const { scales, zeroPoints, runLength } = quantizer;
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i += 1) {
    const channel = Math.floor((start + i) / runLength) % scales.length;
    values[i] = Math.fround((codes[i] ?? 0) - (zeroPoints[channel] ?? 0)) * (scales[channel] ?? 0);
  }
  return new Uint8Array(values.buffer);
}
