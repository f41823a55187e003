import type { BlockType } from './codec.ts';
import { clusterClasses, countByClass, countSymbols } from './contexts.ts';
import { classesOfBlock, findShift, splitBlocks } from './differences.ts';
import { leadSymbols } from './standalone.ts';

/** What coding costs by a sample. */
export interface Estimate {
  /** Bytes of the coded sample over its plain bytes. */
  readonly ratio: number;
  /** Share of numbers that differ from the reference; 1 without one. */
  readonly changed: number;
}

/** Entropy of symbols as a single table codes them, in bits. */
function entropyBits(symbols: Uint8Array): number {
  const counts = countSymbols(symbols, new Uint8Array(symbols.length), 1);
  return counts.reduce((sum, count) => sum + (count > 0 ? count * Math.log2(symbols.length / count) : 0), 0);
}

/** Cost of the differences of a sample from a reference. */
export function estimateDifferences(plain: Uint8Array, reference: Uint8Array, type: BlockType): Estimate {
  const shift = findShift(type, plain, reference);
  const { symbols, lowBits } = splitBlocks(plain, reference, { type, shift });
  const { bits } = clusterClasses(countByClass(symbols, classesOfBlock(reference, type)), symbols.length);
  let same = 0;
  for (const symbol of symbols) if (symbol === 0) same++;
  return { ratio: (bits / 8 + lowBits.length) / plain.length, changed: 1 - same / symbols.length };
}

/** Cost of a sample of floats without a base. */
export function estimateFloats(plain: Uint8Array, type: BlockType): Estimate {
  const { symbols, tails } = leadSymbols(plain, type);
  return { ratio: (entropyBits(symbols) / 8 + tails.length) / plain.length, changed: 1 };
}

/** Cost of a sample whose bytes are the symbols. */
export function estimateBytes(plain: Uint8Array): Estimate {
  return { ratio: entropyBits(plain) / 8 / plain.length, changed: 1 };
}
