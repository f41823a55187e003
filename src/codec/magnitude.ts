import { TABLE_SYMBOLS } from './frequency-table.ts';
import { packBits, unpackBits } from './packing.ts';

/**
 * How a signed difference is told by a symbol and raw low bits: the symbol holds the sign, the number of the magnitude's highest set
 * bit, and (below 2^31) the bit after it, as step sizes fall off within an octave too. What is below is noise.
 *
 * With `length` the bits of the magnitude: `length << 2 | next bit << 1 | sign` up to 31, `128 + (length - 32 << 1) + sign` from 32 to 64.
 */
const LONG = 128;

/** Bits of the magnitude that a symbol stands for. */
export function magnitudeLength(symbol: number): number {
  return symbol < LONG ? symbol >> 2 : 32 + ((symbol - LONG) >> 1);
}

/** Raw bits that follow each symbol; at most 63. */
export const LOW_BITS: Uint8Array = Uint8Array.from({ length: TABLE_SYMBOLS }, (_, symbol) => {
  const length = magnitudeLength(symbol);
  return symbol < LONG ? Math.max(0, length - 2) : Math.min(63, length - 1);
});

/** Magnitude of each symbol with its low bits zero, for lengths up to 32. */
const FLOORS: Uint32Array = Uint32Array.from({ length: TABLE_SYMBOLS }, (_, symbol) => {
  const length = magnitudeLength(symbol);
  if (length < 2) return length;
  return symbol < LONG ? (2 | ((symbol >> 1) & 1)) * 2 ** (length - 2) : 2 ** 31;
});

/** What a difference is coded as. */
export interface Residuals {
  readonly symbols: Uint8Array;
  /** The low bits of every number in order, each lowest bit first; the last byte is filled up with zeros. */
  readonly lowBits: Uint8Array;
}

/** Splits differences of numbers of at most 32 bits. Differences of 32-bit numbers wrap round. */
export function splitDifferences(values: Uint32Array, reference: Uint32Array): Residuals {
  const symbols = new Uint8Array(values.length);
  const magnitudes = new Uint32Array(values.length);
  for (let i = 0; i < symbols.length; i++) {
    const difference = ((values[i] ?? 0) - (reference[i] ?? 0)) | 0;
    const sign = difference >>> 31;
    const magnitude = (difference ^ -sign) + sign;
    const length = 32 - Math.clz32(magnitude);
    magnitudes[i] = magnitude;
    // For lengths below 2 the shift is 30 or 31, which leaves nothing of the magnitude.
    symbols[i] = (length << 2) | (((magnitude >>> (length - 2)) & 1) << 1) | sign;
  }
  return { symbols, lowBits: packBits(magnitudes, symbols, LOW_BITS) };
}

/**
 * Adds differences to a reference, in place.
 *
 * @param lowBits must hold the low bits of all symbols.
 */
export function joinDifferences(symbols: Uint8Array, lowBits: Uint8Array, reference: Uint32Array, mask: number): void {
  const lows = unpackBits(lowBits, symbols, LOW_BITS);
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] ?? 0;
    const sign = symbol & 1;
    const magnitude = (FLOORS[symbol] ?? 0) + (lows[i] ?? 0);
    reference[i] = ((reference[i] ?? 0) + ((magnitude ^ -sign) + sign)) & mask;
  }
}
