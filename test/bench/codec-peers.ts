import { deflateRawSync } from 'node:zlib';

/** Numbers of one tensor as unsigned integers, with the bits of the sign and mantissa below the exponent. */
export interface Bits {
  readonly numbers: Uint32Array;
  readonly width: 2 | 4;
  readonly exponentBits: number;
}

/** Numbers of f32, bf16 or f16 bytes. */
export function bitsOf(bytes: Uint8Array, type: 'f32' | 'bf16' | 'f16'): Bits {
  const exponentBits = type === 'f16' ? 5 : 8;
  if (type === 'f32') return { numbers: new Uint32Array(new Uint8Array(bytes).buffer), width: 4, exponentBits };
  return { numbers: new Uint32Array(new Uint16Array(new Uint8Array(bytes).buffer)), width: 2, exponentBits };
}

function bytePlanes(numbers: Uint32Array, width: number): Uint8Array[] {
  return Array.from({ length: width }, (_, plane) => {
    const bytes = new Uint8Array(numbers.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (numbers[i] ?? 0) >>> (8 * plane);
    return bytes;
  });
}

/** Exclusive or with a base. */
export function xorBits(a: Bits, b: Bits): Bits {
  return { ...a, numbers: a.numbers.map((u, i) => u ^ (b.numbers[i] ?? 0)) };
}

/** Moves the sign below the exponent, so that the exponent fills the top bits, as BitX splits numbers. */
function exponentFirst(numbers: Uint32Array, { width, exponentBits }: Bits): Uint32Array {
  const bits = width * 8;
  const mantissaBits = bits - 1 - exponentBits;
  return numbers.map((u) => {
    const exponent = (u >>> mantissaBits) & ((1 << exponentBits) - 1);
    const rest = (u & ((1 << mantissaBits) - 1)) | ((u >>> (bits - 1)) << mantissaBits);
    return ((exponent << (mantissaBits + 1)) | rest) >>> 0;
  });
}

/** The bytes of numbers, one plane each, the exponent in the top. */
export function planesOf(a: Bits): Uint8Array[] {
  return bytePlanes(exponentFirst(a.numbers, a), a.width);
}

/** BitX-like: XOR with the base, exponent and sign-mantissa planes, deflate (Node has no zstd). Bytes. */
export function sizeOfXorPlanes(a: Bits, b: Bits, level: number): number {
  return planesOf(xorBits(a, b)).reduce((sum, plane) => sum + deflateRawSync(plane, { level }).length, 0);
}

/** No base: the same planes of the numbers themselves, deflated. Bytes. */
export function sizeOfPlanes(a: Bits, level: number): number {
  return planesOf(a).reduce((sum, plane) => sum + deflateRawSync(plane, { level }).length, 0);
}

function entropyOf(counts: Iterable<number>): number {
  let total = 0;
  let inner = 0;
  for (const count of counts) {
    total += count;
    if (count > 0) inner += count * Math.log2(count);
  }
  return total === 0 ? 0 : total * Math.log2(total) - inner;
}

function countAll(values: Iterable<number>): number[] {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()];
}

/** Order-0 entropy of the XOR's byte planes: what a perfect byte coder makes of BitX's planes. Bytes. */
export function entropyOfXorPlanes(a: Bits, b: Bits): number {
  return planesOf(xorBits(a, b)).reduce((sum, plane) => sum + entropyOf(countAll(plane)) / 8, 0);
}

/** Sign and size class of each difference in ordered integers, and how many bits follow raw. */
function classesOf(a: Bits, b: Bits): { symbols: Uint8Array; rawBits: number } {
  const top = 2 ** (a.width * 8 - 1);
  const ordered = (u: number) => (u >= top ? top - 1 - u : u);
  const symbols = new Uint8Array(a.numbers.length);
  let rawBits = 0;
  for (let i = 0; i < symbols.length; i++) {
    const difference = ordered(a.numbers[i] ?? 0) - ordered(b.numbers[i] ?? 0);
    const magnitude = Math.abs(difference);
    const length = magnitude >= 2 ** 32 ? 33 : 32 - Math.clz32(magnitude);
    rawBits += Math.max(0, length - 1);
    symbols[i] = length * 2 + (difference < 0 ? 1 : 0);
  }
  return { symbols, rawBits };
}

/** Natural logarithm of the gamma function of x > 0: Stirling's series above 8, the recurrence below. */
function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 8; at++) shift += Math.log(at);
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * at) - 1 / (360 * at ** 3) - shift;
}

/**
 * FM-Delta-like: sign and size class by an adaptive coder of order 0, low bits raw. What an ideal arithmetic coder would need with
 * the Krichevsky-Trofimov estimate, learning included: the same in whatever order the symbols come. Bytes.
 */
export function sizeOfAdaptiveClasses(a: Bits, b: Bits): number {
  const { symbols, rawBits } = classesOf(a, b);
  const counts = new Float64Array(2 * 34);
  for (let i = 0; i < symbols.length; i++) counts[symbols[i] ?? 0] = (counts[symbols[i] ?? 0] ?? 0) + 1;
  const half = counts.length / 2;
  const seen = counts.reduce((sum, count) => sum + logGamma(count + 0.5) - logGamma(0.5), 0);
  const bits = (logGamma(symbols.length + half) - logGamma(half) - seen) / Math.LN2;
  return (bits + rawBits) / 8;
}

/** Static entropy of sign and class given the base's exponent, low bits raw, no tables counted: the floor of `dense` without its finer classes. Bytes. */
export function entropyOfClassesByExponent(a: Bits, b: Bits): number {
  const { symbols, rawBits } = classesOf(a, b);
  const mantissaBits = a.width * 8 - 1 - a.exponentBits;
  const joint = Array.from(symbols, (s, i) => s + 256 * (((b.numbers[i] ?? 0) >>> mantissaBits) & 255));
  const exponents = Array.from(joint, (j) => j >> 8);
  return (entropyOf(countAll(joint)) - entropyOf(countAll(exponents)) + rawBits) / 8;
}
