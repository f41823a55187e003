import { seededNumbers } from '../formats/mutations.ts';

/** Draws whole numbers below a bound. */
export type Random = (bound: number) => number;

/** The numbers of one case: the same for the same seed and case, whatever ran before. */
export function randomFor(seed: number, index: number): Random {
  // Two rounds apart, so that neighbouring cases share nothing.
  const mixed = Math.imul(index ^ (index >>> 15), 0x2c1b3c6d) ^ Math.imul(seed, 0x297a2d39);
  const random = seededNumbers(mixed);
  random(2);
  return random;
}

/** One of the items. */
export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[random(items.length)];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
}

/** A length with many short ones among it: up to `bound`. */
export function pickLength(random: Random, bound: number): number {
  return random(2) === 0 ? 1 + random(Math.max(1, Math.min(bound, 8))) : 1 + random(Math.max(1, bound));
}
