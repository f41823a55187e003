import { type EitherAxis, testEitherAxis } from '../symmetry/either-axis.ts';
import type { Weights } from '../tensors/weights.ts';
import { LEAST_Z_FROM_NAMES, LOG_ALPHA, LOG_ALPHA_OF_REST } from './judge-kinship.ts';

/** The verdict where no axis graph says which units are hidden. */
export interface EitherAxisVerdict {
  readonly isKin: boolean;
  /** Matrices that say so each for itself. */
  readonly agreeing: readonly string[];
  /** ln p of the strongest matrix after Bonferroni over the matrices, the candidates and the pairings that the values chose. */
  readonly logPValue: number;
  /** The largest statistic that a copy could reach: without power a small one says nothing. */
  readonly zOfCopy: number;
}

/** Share of the tested weights that must agree: a basis that many networks share is rarely most of one. */
const MOST = 0.5;

/**
 * Tests one candidate without an axis graph. Every matrix has a valid p-value of its own, in whatever way they depend on each other, so the strongest
 * counts, times their number. Kin are known only where two matrices say so and those that do are most of the weights.
 */
export function judgeEitherAxis(
  query: Weights,
  candidate: Weights,
  comparisons: number,
  logChoices: number,
): EitherAxisVerdict {
  const tested = testEitherAxis(query, candidate);
  const price = Math.log(Math.max(tested.length, 1));
  const best = tested.reduce((least, { logPValue }) => Math.min(least, logPValue), 0);
  const logPValue = Math.min(0, best + price + Math.log(Math.max(comparisons, 1)) + logChoices);
  const strongest = tested.reduce((most, { z }) => Math.max(most, z), 0);
  const isSure = logPValue < LOG_ALPHA && strongest >= LEAST_Z_FROM_NAMES;
  const agreeing = tested.filter((tensor) => tensor.logPValue + price < LOG_ALPHA_OF_REST);
  const isMost = agreeing.length > 1 && sizeOf(agreeing) >= MOST * sizeOf(tested);
  return { isKin: isSure && isMost, agreeing: agreeing.map(({ name }) => name), logPValue, zOfCopy: powerOf(tested) };
}

const sizeOf = (tensors: readonly EitherAxis[]) => tensors.reduce((sum, { size }) => sum + size, 0);

function powerOf(tested: readonly EitherAxis[]): number {
  return tested.reduce((most, { zOfCopy }) => Math.max(most, zOfCopy), 0);
}
