import { SKETCH_LENGTH } from '../sketch/summary.ts';
import { logNormalTail } from '../symmetry/tails.ts';
import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';

/** Below this share of a step left one step later, a chain is a cloud: twice what the shortest path through a cloud fakes (lineage.md, B6). */
const LEAST_MEMORY = 0.15;
/** Deviations by which the shortest path through a cloud may fake memory: it takes the shortest of many distances. */
const FAKED_DEVIATIONS = 3;
/** Shorter chains say nothing about memory. */
const FEWEST_WITH_MEMORY = 4;
/** Relative error of a sketched distance. */
export const LENGTH_ERROR = Math.sqrt(1 / (2 * SKETCH_LENGTH));

/** Whether a chain's order is in the distances, and how surely. */
export interface OrderEvidence {
  readonly isOrdered: boolean;
  /** Of the answer given. */
  readonly confidence: number;
  /** For each gap of the chain, how sure it is that its two checkpoints do not stand the other way round. */
  readonly gaps: readonly number[];
}

/** Share of a step that is still there one step later: 0 for a cloud, 1 for a walk, 3 for a straight line. */
export function measureMemory(chain: Chain, distances: Distances): number | undefined {
  if (chain.length < FEWEST_WITH_MEMORY) return undefined;
  const at = (i: number) => chain[i] ?? 0;
  let over = 0;
  let single = 0;
  for (let i = 0; i + 2 < chain.length; i++) {
    over += distances.squared(at(i), at(i + 2));
    single += (distances.squared(at(i), at(i + 1)) + distances.squared(at(i + 1), at(i + 2))) / 2;
  }
  return single > 0 ? over / single - 1 : 0;
}

/** What exchanging the checkpoints beside a gap lengthens the chain by, in units of the sketch's own error. */
function exchangeCost(chain: Chain, gap: number, distances: Distances): number {
  const length = (i: number, j: number) => {
    const a = chain[i];
    const b = chain[j];
    return a === undefined || b === undefined ? 0 : distances.length(a, b);
  };
  const old = [length(gap - 1, gap), length(gap + 1, gap + 2)];
  const fresh = [length(gap - 1, gap + 1), length(gap, gap + 2)];
  const sum = (lengths: readonly number[]) => lengths.reduce((total, value) => total + value, 0);
  const error = LENGTH_ERROR * Math.hypot(...old, ...fresh);
  return error > 0 ? (sum(fresh) - sum(old)) / error : 0;
}

/** Distances in a cloud of few dimensions differ by themselves, as do their sketches; the memory that order is read from must exceed it. */
function leastMemory(parameters: number): number {
  const deviation = Math.sqrt(2 / SKETCH_LENGTH + 2 / Math.max(parameters, 1));
  return Math.max(LEAST_MEMORY, FAKED_DEVIATIONS * deviation);
}

/**
 * Weighs the order of a chain: by its memory, and by what every exchange of neighbours would cost.
 *
 * @param parameters of one checkpoint.
 */
export function weighOrder(chain: Chain, distances: Distances, parameters: number): OrderEvidence {
  const gaps = chain.slice(1).map((_, gap) => {
    return chain.length < 3 ? 1 : 1 - Math.exp(logNormalTail(exchangeCost(chain, gap, distances)));
  });
  const memory = measureMemory(chain, distances);
  const least = leastMemory(parameters);
  const all = gaps.reduce((product, gap) => product * gap, 1);
  if (memory === undefined || memory >= least) return { isOrdered: true, confidence: all, gaps };
  return { isOrdered: false, confidence: Math.min(1, 1 - memory / (2 * least)), gaps };
}
