import type { BitReader, BitWriter } from './bits.ts';
import { check } from './payload.ts';

/** Frequencies of one table add up to 2^12: the precision of the entropy coder. */
export const TABLE_BITS = 12;
/** Slots of one table. */
export const TABLE_SLOTS = 1 << TABLE_BITS;
/** Symbols of one table, used or not. */
export const TABLE_SYMBOLS = 256;

/** Weights of a quarter of an octave; four more steps double them. */
const STEPS = [16, 19, 23, 27] as const;
/** Rounding boundaries between the steps, and to the next octave. */
const BOUNDARIES = [17.5, 21, 25, 29.5] as const;
/** Largest level: 2^12 times the smallest, as there are 2^12 slots. */
const MAX_LEVEL = 1 + 4 * TABLE_BITS;

/** Weight of a level: 0 for a symbol that does not occur, else 16 * 2^((level - 1) / 4), rounded as the format says. */
function weightOf(level: number): number {
  return level === 0 ? 0 : (STEPS[((level - 1) & 3) as 0 | 1 | 2 | 3] ?? 0) << ((level - 1) >> 2);
}

/** The level whose weight is nearest to the share `count / total`. */
function levelOf(count: number, total: number): number {
  if (count === 0) return 0;
  const weight = Math.max(16, (count / total) * 16 * TABLE_SLOTS);
  const octave = 27 - Math.clz32(weight);
  const scaled = weight / 2 ** octave;
  const step = BOUNDARIES.findIndex((boundary) => scaled < boundary);
  return Math.min(MAX_LEVEL, 1 + 4 * octave + (step < 0 ? 4 : step));
}

/** Levels of 256 symbols, from how often each occurs. */
export function quantizeCounts(counts: Uint32Array): Uint8Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Uint8Array.from(counts, (count) => levelOf(count, total));
}

function indexOfLargest(values: Uint16Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

/** Frequencies of 256 symbols that add up to {@link TABLE_SLOTS}; all zero when no level is set. */
export function spreadLevels(levels: Uint8Array): Uint16Array {
  const sum = levels.reduce((total, level) => total + weightOf(level), 0);
  const frequencies = new Uint16Array(TABLE_SYMBOLS);
  if (sum === 0) return frequencies;
  let left = TABLE_SLOTS;
  levels.forEach((level, symbol) => {
    if (level === 0) return;
    const frequency = Math.max(1, Math.floor((weightOf(level) * TABLE_SLOTS) / sum));
    frequencies[symbol] = frequency;
    left -= frequency;
  });
  for (; left < 0; left++) frequencies[indexOfLargest(frequencies)] = Math.max(...frequencies) - 1;
  const largest = indexOfLargest(frequencies);
  frequencies[largest] = (frequencies[largest] ?? 0) + left;
  return frequencies;
}

/** Writes levels: the first symbol that occurs, how many follow up to the last, and each level's step from the one before. */
export function writeLevels(bits: BitWriter, levels: Uint8Array): void {
  const first = Math.max(
    0,
    levels.findIndex((level) => level > 0),
  );
  const last = Math.max(
    first,
    levels.findLastIndex((level) => level > 0),
  );
  bits.bits(first, 8);
  bits.bits(last - first, 8);
  let previous = 0;
  for (let symbol = first; symbol <= last; symbol++) {
    const step = (levels[symbol] ?? 0) - previous;
    bits.golomb(step > 0 ? 2 * step - 1 : -2 * step);
    previous = levels[symbol] ?? 0;
  }
}

/** Reads what {@link writeLevels} wrote. */
export function readLevels(bits: BitReader): Uint8Array {
  const levels = new Uint8Array(TABLE_SYMBOLS);
  const first = bits.bits(8);
  const last = first + bits.bits(8);
  check(last < TABLE_SYMBOLS, 'a table has too many symbols');
  let level = 0;
  for (let symbol = first; symbol <= last; symbol++) {
    const code = bits.golomb();
    level += code & 1 ? (code + 1) >> 1 : -(code >> 1);
    check(level >= 0 && level <= MAX_LEVEL, 'a level is out of range');
    levels[symbol] = level;
  }
  return levels;
}
