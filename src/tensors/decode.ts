import { invariant } from '../assert.ts';
import { type DType, elementByteLength } from './dtype.ts';
import { hostWords } from './host.ts';
import { createDecodeTable, F8_E4M3, F8_E5M2, F16, type SmallFloat } from './small-floats.ts';

/** Values that one element decodes to: a complex number is its real and its imaginary part. */
export function valuesPerElement(dtype: DType): number {
  return dtype === 'c64' || dtype === 'c128' ? 2 : 1;
}

const tables = new Map<SmallFloat, Uint32Array>();

function decodeTable(layout: SmallFloat): Uint32Array {
  const table = tables.get(layout) ?? createDecodeTable(layout);
  tables.set(layout, table);
  return table;
}

function decodeByTable(layout: SmallFloat, codes: Uint8Array | Uint16Array, out: Float32Array): void {
  const table = decodeTable(layout);
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < codes.length; i += 1) bits[i] = table[codes[i] ?? 0] ?? 0;
}

function decodeBfloat16(codes: Uint16Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < codes.length; i += 1) bits[i] = (codes[i] ?? 0) << 16;
}

/** Past 2^53 a double would round once and the f32 again; a sticky bit far below the f32's last makes the first rounding exact. */
function stickyLow(low: number): number {
  return ((low & ~0xfff) | ((low & 0xfff) === 0 ? 0 : 0x1000)) >>> 0;
}

function decodeInt64(words: Uint32Array, isSigned: boolean, out: Float32Array): void {
  for (let i = 0; i < out.length; i += 1) {
    const low = words[2 * i] ?? 0;
    const high = words[2 * i + 1] ?? 0;
    const top = isSigned ? high | 0 : high;
    out[i] = top * 2 ** 32 + (top >= -0x200000 && top < 0x200000 ? low : stickyLow(low));
  }
}

function decodeBool(bytes: Uint8Array, out: Float32Array): void {
  for (let i = 0; i < bytes.length; i += 1) out[i] = bytes[i] === 0 ? 0 : 1;
}

/** Views of a piece's words; the bytes are aligned and of the host's order by then. */
const uint32s = (bytes: Uint8Array) => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const uint16s = (bytes: Uint8Array) => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
const float64s = (bytes: Uint8Array) => new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);

/** Copies through integers: a copy of floats may change the payload of a NaN. */
function copyFloat32(bytes: Uint8Array, out: Float32Array): void {
  new Uint32Array(out.buffer, out.byteOffset, out.length).set(uint32s(bytes));
}

const DECODERS = {
  f64: (bytes, out) => out.set(float64s(bytes)),
  f32: copyFloat32,
  f16: (bytes, out) => decodeByTable(F16, uint16s(bytes), out),
  bf16: (bytes, out) => decodeBfloat16(uint16s(bytes), out),
  f8_e4m3: (bytes, out) => decodeByTable(F8_E4M3, bytes, out),
  f8_e5m2: (bytes, out) => decodeByTable(F8_E5M2, bytes, out),
  i64: (bytes, out) => decodeInt64(uint32s(bytes), true, out),
  i32: (bytes, out) => out.set(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)),
  i16: (bytes, out) => out.set(new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)),
  i8: (bytes, out) => out.set(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
  u64: (bytes, out) => decodeInt64(uint32s(bytes), false, out),
  u32: (bytes, out) => out.set(uint32s(bytes)),
  u16: (bytes, out) => out.set(uint16s(bytes)),
  u8: (bytes, out) => out.set(bytes),
  bool: decodeBool,
  c64: copyFloat32,
  c128: (bytes, out) => out.set(float64s(bytes)),
} as const satisfies Record<DType, (bytes: Uint8Array, out: Float32Array) => void>;

/**
 * Decodes plain bytes (little-endian, whole elements) to f32, rounded once to nearest where the type is wider.
 * Complex numbers give two values each; bool gives 0 and 1.
 *
 * @param out where to put them, at least as long; a new array by default
 * @returns the values: `out`, or its beginning
 */
export function decodeToFloat32(dtype: DType, bytes: Uint8Array, out?: Float32Array): Float32Array {
  const elements = bytes.byteLength / elementByteLength(dtype);
  const count = elements * valuesPerElement(dtype);
  invariant(Number.isInteger(elements), `${bytes.byteLength} bytes are whole elements of ${dtype}`);
  invariant(out === undefined || out.length >= count, 'the decoded values fit the array given');
  const values = out === undefined ? new Float32Array(count) : out.subarray(0, count);
  DECODERS[dtype](hostWords(bytes, elementByteLength(dtype) / valuesPerElement(dtype)), values);
  return values;
}

/** The values as they stand, where they are f32 that this machine reads in place; `undefined` elsewhere. */
export function float32InPlace(dtype: DType, bytes: Uint8Array): Float32Array | undefined {
  if (dtype !== 'f32' && dtype !== 'c64') return undefined;
  const words = hostWords(bytes, 4);
  return words === bytes ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4) : undefined;
}

/** The values of a type that is wider than f32 floats, not rounded; `undefined` for all others. */
export function exactDoubles(dtype: DType, bytes: Uint8Array): Float64Array | undefined {
  return dtype === 'f64' || dtype === 'c128' ? float64s(hostWords(bytes, 8)) : undefined;
}
