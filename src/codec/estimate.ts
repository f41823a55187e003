import type { BlockType } from './codec.ts';
import { type ClassHistogram, clusterClasses, countSymbols } from './contexts.ts';
import { splitBlock } from './dense.ts';
import { findShift } from './differences.ts';
import { TABLE_SYMBOLS } from './frequency-table.ts';
import { splitFloats } from './standalone.ts';

/** What coding costs by a sample. */
export interface Estimate {
  /** Bytes of the coded sample over its plain bytes. */
  readonly ratio: number;
  /** Share of numbers that differ from the reference; 1 without one. */
  readonly changed: number;
}

/** Entropy of symbols as a single table codes them, in bits. */
function entropyBits(counts: Uint32Array): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count) => sum + (count > 0 ? count * Math.log2(total / count) : 0), 0);
}

/** Symbols that say "no difference". */
function countSame({ counts }: ClassHistogram): number {
  let same = 0;
  for (let row = 0; row < counts.length; row += TABLE_SYMBOLS) same += counts[row] ?? 0;
  return same;
}

/** Cost of the differences of a sample from a reference. */
export function estimateDifferences(plain: Uint8Array, reference: Uint8Array, type: BlockType): Estimate {
  const shift = findShift(type, plain, reference);
  const { histogram, count, lowBits } = splitBlock(plain, reference, { type, shift });
  const same = countSame(histogram);
  const { bits } = clusterClasses(histogram, count);
  return { ratio: (bits / 8 + lowBits.length) / plain.length, changed: 1 - same / count };
}

/** Cost of a sample of floats without a base. */
export function estimateFloats(plain: Uint8Array, type: BlockType): Estimate {
  const { counts, tails } = splitFloats(plain, type);
  return { ratio: (entropyBits(counts) / 8 + tails.length) / plain.length, changed: 1 };
}

/** Cost of a sample whose bytes are the symbols. */
export function estimateBytes(plain: Uint8Array): Estimate {
  return { ratio: entropyBits(countSymbols(plain, new Uint8Array(plain.length), 1)) / 8 / plain.length, changed: 1 };
}
