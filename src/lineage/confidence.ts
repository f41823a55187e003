import type { Finding, Ranked } from './case.ts';
import type { Proof } from './prove-kinship.ts';

/** No answer is surer than this: files can lie in ways that weights do not show. */
const MOST = 0.9999;
/**
 * Residuals of real training are not independent from weight to weight, so that a likelihood ratio overstates. The divisor is a
 * judgement on the side of doubt: in the benchmark's reliability table, answers that claim .7 to .9 are right more often than that.
 */
const TEMPER = 8;

/** How sure an answer is, and how sure where the base may also be the checkpoint before or after the one that is named. */
export interface Confidence {
  readonly confidence: number;
  readonly confidenceWithinOne?: number;
}

/** Probability that a known query's base, relation and kinship are all right. */
export function confidenceOfKnown(proof: Proof, finding: Finding, ranked: readonly Ranked[]): Confidence {
  const kin = proof.logPValue === undefined ? 0.999 : 1 - Math.exp(Math.max(proof.logPValue, -700));
  const base = finding.baseSureness ?? (isSettled(finding) ? 1 : sureOfBase(finding, ranked));
  const words = kin * finding.sureness;
  const within = finding.baseWithinOne;
  return {
    confidence: Math.min(MOST, words * base),
    ...(within === undefined ? {} : { confidenceWithinOne: Math.min(MOST, words * within) }),
  };
}

/** Copies and mixtures prove their base; a place between two leaves no choice of base either. Noise proves none, however white it is. */
function isSettled({ sureness, words }: Finding): boolean {
  return (sureness >= 0.99 && !words.includes('perturbed')) || words.includes('between') || words.includes('next');
}

function sureOfBase(finding: Finding, ranked: readonly Ranked[]): number {
  const best = ranked.find(({ id }) => id === finding.base);
  const second = ranked.find(({ id }) => id !== finding.base);
  if (!best || !second) return 1;
  const advantage = (second.misfit - best.misfit) / 2 / TEMPER;
  return 1 / (1 + Math.exp(-Math.min(Math.max(advantage, 0) + 1, 30)));
}

/** What the search for an unknown query could have found. */
export interface Search {
  /** What the kinship test would have given a copy; 0 where it does not apply. */
  readonly zOfCopy: number;
  /** Whether permuted and rescaled copies could be told from strangers. */
  readonly lostOrderTested: boolean;
  /** Nothing stored has shapes in common with the query. */
  readonly nothingComparable: boolean;
}

/** Probability that an unknown query is really unrelated to what is stored. */
export function confidenceOfUnknown(search: Search): number {
  if (search.nothingComparable) return 0.999;
  // The lowest statistic of a relative that was seen is 28 of a copy's 100 and more (docs/lineage.md, section 3): below 12 a copy may hide.
  const power = 1 / (1 + Math.exp(-(search.zOfCopy - 8) / 2));
  return 0.5 + power * (search.lostOrderTested ? 0.49 : 0.42);
}
