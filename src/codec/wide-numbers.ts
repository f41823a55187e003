import type { Lane } from './lanes.ts';
import { alignBytes } from './lanes.ts';
import { LOW_BITS, magnitudeLength, type Residuals } from './magnitude.ts';
import { readWideBits, WidePacker } from './packing.ts';

/** Numbers of 64 bits as two halves. Shifts are at most {@link MAX_WIDE_SHIFT}, so that sign and exponent stay in the high half. */
export interface WideNumbers {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

/** The exponent of an f64 takes the top 12 bits; after a shift of 19 its mantissa still has a bit in the high half. */
export const MAX_WIDE_SHIFT = 19;
/** Exponents of f64 are 11 bits; classes are 8: those around 1 keep their own, the far ones share the outermost. */
const FIRST_WIDE_CLASS = 1023 - 159;

/** Takes 64-bit numbers apart. */
export function readWide(bytes: Uint8Array): WideNumbers {
  const aligned = alignBytes(bytes);
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2);
  const high = new Uint32Array(words.length >> 1);
  const low = new Uint32Array(words.length >> 1);
  for (let i = 0; i < high.length; i++) {
    low[i] = words[2 * i] ?? 0;
    high[i] = words[2 * i + 1] ?? 0;
  }
  return { high, low };
}

/** The reverse of {@link readWide}. */
export function writeWide({ high, low }: WideNumbers): Uint8Array {
  const words = new Uint32Array(high.length * 2);
  for (let i = 0; i < high.length; i++) {
    words[2 * i] = low[i] ?? 0;
    words[2 * i + 1] = high[i] ?? 0;
  }
  return new Uint8Array(words.buffer);
}

/** Drops the lowest bits of every number, in place. */
export function shiftWideDown({ high, low }: WideNumbers, shift: number): void {
  if (shift === 0) return;
  for (let i = 0; i < high.length; i++) {
    low[i] = ((low[i] ?? 0) >>> shift) | ((high[i] ?? 0) << (32 - shift));
    high[i] = (high[i] ?? 0) >>> shift;
  }
}

/** The reverse of {@link shiftWideDown}. */
export function shiftWideUp({ high, low }: WideNumbers, shift: number): void {
  if (shift === 0) return;
  for (let i = 0; i < high.length; i++) {
    high[i] = ((high[i] ?? 0) << shift) | ((low[i] ?? 0) >>> (32 - shift));
    low[i] = (low[i] ?? 0) << shift;
  }
}

/** As `toOrdered` and `fromOrdered`, for 64 bits: a set (unset) sign flips all the rest of a float. */
export function flipWide({ high, low }: WideNumbers, lane: Lane, direction: 'to-ordered' | 'from-ordered'): void {
  const highBits = lane.bits - 32;
  const rest = lane.exponentBits === 0 ? 0 : highBits === 32 ? -1 : (1 << highBits) - 1;
  const flip = lane.signed ? 1 << (highBits - 1) : 0;
  const unset = direction === 'from-ordered' ? -1 : 0;
  for (let i = 0; i < high.length; i++) {
    const h = high[i] ?? 0;
    const sign = ((h << (32 - highBits)) >> 31) ^ unset;
    high[i] = h ^ ((sign & rest) | flip);
    if (rest !== 0) low[i] = (low[i] ?? 0) ^ sign;
  }
}

/** Class of each number, 0 to 255: a float's exponent in a window round 1, 0 for integers. */
export function wideClassesOf({ high }: WideNumbers, lane: Lane): Uint8Array {
  const classes = new Uint8ClampedArray(high.length);
  if (lane.exponentBits === 0) return new Uint8Array(classes.buffer);
  for (let i = 0; i < high.length; i++) {
    classes[i] = (((high[i] ?? 0) >>> (lane.mantissaBits - 32)) & 2047) - FIRST_WIDE_CLASS;
  }
  return new Uint8Array(classes.buffer);
}

function symbolOf(high: number, low: number, sign: number): number {
  if (high !== 0) return 128 + ((32 - Math.clz32(high)) << 1) + sign;
  const length = 32 - Math.clz32(low);
  if (length === 32) return 128 + sign;
  return (length << 2) | (((low >>> (length - 2)) & 1) << 1) | sign;
}

/** Splits differences modulo 2^64; of shortened lanes too, whose values are smaller. */
export function splitWideDifferences(values: WideNumbers, reference: WideNumbers): Residuals {
  const count = values.high.length;
  const symbols = new Uint8Array(count);
  const packer = new WidePacker(count * 8);
  for (let i = 0; i < count; i++) {
    const lowDifference = (values.low[i] ?? 0) - (reference.low[i] ?? 0);
    const high = ((values.high[i] ?? 0) - (reference.high[i] ?? 0) - (lowDifference < 0 ? 1 : 0)) | 0;
    const sign = high >>> 31;
    const lowMagnitude = ((lowDifference ^ -sign) + sign) >>> 0;
    const carry = sign === 1 && lowMagnitude === 0 ? 1 : 0;
    const highMagnitude = ((high ^ -sign) + carry) >>> 0;
    const symbol = symbolOf(highMagnitude, lowMagnitude, sign);
    const bits = LOW_BITS[symbol] ?? 0;
    symbols[i] = symbol;
    packer.write(lowMagnitude & (bits < 32 ? (1 << bits) - 1 : -1), Math.min(bits, 32));
    if (bits > 32) packer.write(highMagnitude & ((1 << (bits - 32)) - 1), bits - 32);
  }
  return { symbols, lowBits: packer.bytes.slice(0, packer.byteLength) };
}

/** Adds differences to a reference, in place; modulo the lane's length. */
export function joinWideDifferences(
  symbols: Uint8Array,
  lowBits: Uint8Array,
  reference: WideNumbers,
  lane: Lane,
): void {
  const highMask = lane.bits === 64 ? -1 : (1 << (lane.bits - 32)) - 1;
  let position = 0;
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] ?? 0;
    const bits = LOW_BITS[symbol] ?? 0;
    const length = magnitudeLength(symbol);
    let low = readWideBits(lowBits, position, Math.min(bits, 32));
    let high = bits > 32 ? readWideBits(lowBits, position + 32, bits - 32) : 0;
    position += bits;
    if (length > 32) high |= 1 << (length - 33);
    else if (length === 32) low |= 1 << 31;
    else if (length > 1) low |= (2 | ((symbol >> 1) & 1)) << (length - 2);
    else low = length;
    const negative = (symbol & 1) === 1;
    if (negative) {
      high = ~high + (low === 0 ? 1 : 0);
      low = -low;
    }
    const lowSum = (low >>> 0) + (reference.low[i] ?? 0);
    reference.low[i] = lowSum;
    reference.high[i] = (high + (reference.high[i] ?? 0) + (lowSum > 0xffffffff ? 1 : 0)) & highMask;
  }
}
