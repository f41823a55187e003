import { isFloat } from '../tensors/dtype.ts';
import type { BlockType } from './codec.ts';
import { alignBytes, laneOf, narrowNumbers, widenNumbers } from './lanes.ts';

/** How a number between two of the smaller type is cast: to the nearest, even at half way, or towards zero. */
export type Rounding = 'nearest' | 'truncate';

const QUIET_NAN = 0x7fc00000;

/** True for the types that this file casts: real floats. */
export function isCastable(type: BlockType): boolean {
  return type !== 'bytes' && isFloat(type);
}

/** f32 bits of a number in a smaller float type. */
function widenBits(code: number, type: BlockType): number {
  const { bits, exponentBits, mantissaBits } = laneOf(type);
  const sign = (code >>> (bits - 1)) << 31;
  const rest = code & ((1 << (bits - 1)) - 1);
  if (exponentBits === 8) return sign | (rest << (23 - mantissaBits));
  const exponent = rest >>> mantissaBits;
  const mantissa = rest & ((1 << mantissaBits) - 1);
  if (type === 'f8_e4m3' ? rest === 0x7f : exponent === (1 << exponentBits) - 1) {
    return sign | (mantissa === 0 ? 0x7f800000 : QUIET_NAN | (mantissa << (23 - mantissaBits)));
  }
  const lift = 127 - ((1 << (exponentBits - 1)) - 1);
  if (exponent > 0) return sign | ((exponent + lift) << 23) | (mantissa << (23 - mantissaBits));
  if (mantissa === 0) return sign;
  const up = Math.clz32(mantissa) - (31 - mantissaBits);
  return sign | ((1 + lift - up) << 23) | (((mantissa << up) & ((1 << mantissaBits) - 1)) << (23 - mantissaBits));
}

function roundOff(value: number, drop: number, rounding: Rounding): number {
  if (drop > 24) return 0;
  const kept = value >>> drop;
  if (rounding === 'truncate' || drop === 0) return kept;
  const rest = value & ((1 << drop) - 1);
  const half = 1 << (drop - 1);
  return kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0);
}

/** A number in a smaller float type from its f32 bits. */
function narrowBits(u: number, type: BlockType, rounding: Rounding): number {
  const { bits, exponentBits, mantissaBits } = laneOf(type);
  const sign = (u >>> 31) << (bits - 1);
  const magnitude = u & 0x7fffffff;
  const infinity = ((1 << exponentBits) - 1) << mantissaBits;
  const nan = type === 'f8_e4m3' ? 0x7f : infinity | (1 << (mantissaBits - 1));
  if (magnitude > 0x7f800000) return sign | nan;
  const overflow = type === 'f8_e4m3' ? nan : infinity;
  const lowest = 1 - ((1 << (exponentBits - 1)) - 1);
  const exponent = Math.max(1, magnitude >>> 23) - 127;
  const mantissa = (magnitude & 0x7fffff) | (magnitude >= 0x800000 ? 0x800000 : 0);
  const kept = roundOff(mantissa, 23 - mantissaBits + Math.max(0, lowest - exponent), rounding);
  const code = exponent > lowest ? ((exponent - lowest) << mantissaBits) + kept : kept;
  return sign | Math.min(code, overflow);
}

/** As {@link narrowBits} for bf16, without its branches: half a unit, less one where the last bit kept is even, carries into it. */
function roundToBfloat16(numbers: Uint32Array): void {
  for (let i = 0; i < numbers.length; i++) {
    const u = numbers[i] ?? 0;
    const isNan = (u & 0x7fffffff) > 0x7f800000;
    numbers[i] = isNan ? ((u >>> 16) & 0x8000) | 0x7fc0 : (u + 0x7fff + ((u >>> 16) & 1)) >>> 16;
  }
}

/** f32 bits of numbers in any float type. f64 rounds to nearest; NaNs of f64 become the quiet NaN of their sign. */
export function toFloat32Bits(bytes: Uint8Array, type: BlockType): Uint32Array<ArrayBuffer> {
  if (type === 'f64') return roundFloat64(bytes);
  const numbers = widenNumbers(bytes, laneOf(type).bits >> 3);
  if (type === 'f32') return numbers;
  if (type === 'bf16') {
    for (let i = 0; i < numbers.length; i++) numbers[i] = (numbers[i] ?? 0) << 16;
    return numbers;
  }
  for (let i = 0; i < numbers.length; i++) numbers[i] = widenBits(numbers[i] ?? 0, type);
  return numbers;
}

function roundFloat64(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  const aligned = alignBytes(bytes);
  const values = new Float64Array(aligned.buffer, aligned.byteOffset, aligned.length >> 3);
  const rounded = new Float32Array(values);
  const out = new Uint32Array(rounded.buffer);
  const halves = new Uint32Array(aligned.buffer, aligned.byteOffset, values.length * 2);
  for (let i = 0; i < values.length; i++) {
    // What bits a NaN gets when it is stored is up to the machine.
    if (Number.isNaN(values[i])) out[i] = ((halves[2 * i + 1] ?? 0) & 0x80000000) | QUIET_NAN;
  }
  return out;
}

/** Casts f32 bits to any float type; used in place of `numbers`, which it may overwrite. */
export function fromFloat32Bits(numbers: Uint32Array<ArrayBuffer>, type: BlockType, rounding: Rounding): Uint8Array {
  if (type === 'f64') return widenToFloat64(numbers);
  if (type === 'f32') return new Uint8Array(numbers.buffer);
  if (type === 'bf16' && rounding === 'nearest') roundToBfloat16(numbers);
  else for (let i = 0; i < numbers.length; i++) numbers[i] = narrowBits(numbers[i] ?? 0, type, rounding);
  return narrowNumbers(numbers, laneOf(type).bits >> 3);
}

function widenToFloat64(numbers: Uint32Array<ArrayBuffer>): Uint8Array {
  const out = new Float64Array(new Float32Array(numbers.buffer));
  const halves = new Uint32Array(out.buffer);
  for (let i = 0; i < out.length; i++) {
    if (!Number.isNaN(out[i])) continue;
    const u = numbers[i] ?? 0;
    halves[2 * i] = u << 29;
    halves[2 * i + 1] = (u & 0x80000000) | 0x7ff80000 | ((u & 0x7fffff) >>> 3);
  }
  return new Uint8Array(out.buffer);
}

/** Casts a block from one float type to another: through f32 as common tools do, so f64 to 16 bits rounds twice. */
export function castBlock(bytes: Uint8Array, from: BlockType, to: BlockType, rounding: Rounding): Uint8Array {
  return fromFloat32Bits(toFloat32Bits(bytes, from), to, rounding);
}
