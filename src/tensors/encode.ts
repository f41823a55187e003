import { WsvcError } from '../errors.ts';
import { type DType, elementByteLength } from './dtype.ts';
import { littleEndianWords } from './host.ts';
import { encodeSmallFloats, F8_E4M3, F8_E5M2, F16 } from './small-floats.ts';

function encodeBfloat16(bits: Uint32Array, out: Uint16Array): void {
  for (let i = 0; i < bits.length; i += 1) {
    const word = bits[i] ?? 0;
    const isNan = (word & 0x7fffffff) > 0x7f800000;
    out[i] = isNan ? ((word >>> 16) & 0x8000) | 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}

/**
 * Encodes f32 values as plain bytes (little-endian) of a float type: nearest, halves to even.
 * Too large becomes infinity; NaN in f8_e4m3, which has none.
 *
 * @throws WsvcError `usage` for a type that is no float.
 */
export function encodeFromFloat32(dtype: DType, values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length * elementByteLength(dtype));
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = (): Uint16Array => new Uint16Array(bytes.buffer);
  if (dtype === 'f32') new Uint32Array(bytes.buffer).set(bits);
  else if (dtype === 'f64') new Float64Array(bytes.buffer).set(values);
  else if (dtype === 'f16') encodeSmallFloats(F16, values, bits, halves());
  else if (dtype === 'bf16') encodeBfloat16(bits, halves());
  else if (dtype === 'f8_e4m3') encodeSmallFloats(F8_E4M3, values, bits, bytes);
  else if (dtype === 'f8_e5m2') encodeSmallFloats(F8_E5M2, values, bits, bytes);
  else throw new WsvcError('usage', `Cannot round weights to ${dtype}: it is not a float type.`);
  return littleEndianWords(bytes, elementByteLength(dtype));
}
