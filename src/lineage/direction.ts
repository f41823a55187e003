import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { measureFrom, type Tree } from './spanning-tree.ts';

/** Votes of this weight together say which way time runs; fewer leave it unknown (lineage.md, B3). */
const LEAST_VOTE = 1;
/** Fewer points show no trend. */
const FEWEST_POINTS = 3;
/** Steps of shorter chains are not asked whether they shrink. */
const FEWEST_STEPS = 3;

/** What changes with training time and can be read off one checkpoint: log norm, log kurtosis. */
export type Features = readonly Float64Array[];

export interface Root {
  /** The checkpoint that the component's training starts from. */
  readonly root: number;
  /** Way along the spanning tree from the root to every checkpoint. */
  readonly ways: Float64Array;
  /** Sum of the votes, each -1 to 1. */
  readonly vote: number;
  readonly isKnown: boolean;
}

/** Counts the pairs out of order while it sorts (merge sort). */
function countInversions(values: Float64Array): number {
  let source = values;
  let target: Float64Array = new Float64Array(values.length);
  let inversions = 0;
  for (let width = 1; width < values.length; width *= 2) {
    for (let start = 0; start < values.length; start += 2 * width) {
      const middle = Math.min(start + width, values.length);
      const end = Math.min(start + 2 * width, values.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const takesLeft = left < middle && (right >= end || (source[left] ?? 0) <= (source[right] ?? 0));
        if (!takesLeft) inversions += middle - left;
        target[at] = (takesLeft ? source[left++] : source[right++]) ?? 0;
      }
    }
    [source, target] = [target, source];
  }
  return inversions;
}

/** Pairs of equal values among sorted keys. */
function countTies(count: number, isEqual: (a: number, b: number) => boolean): number {
  let ties = 0;
  let run = 1;
  for (let i = 1; i <= count; i++) {
    if (i < count && isEqual(i - 1, i)) run++;
    else {
      ties += (run * (run - 1)) / 2;
      run = 1;
    }
  }
  return ties;
}

/** Kendall's tau-b of two series, by Knight's method (1966); 0 where one of them is constant. */
export function kendallTau(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const count = a.length;
  const x = (i: number) => a[i] ?? 0;
  const y = (i: number) => b[i] ?? 0;
  const order = Array.from({ length: count }, (_, i) => i).sort((i, j) => x(i) - x(j) || y(i) - y(j));
  const at = (position: number) => order[position] ?? 0;
  const pairs = (count * (count - 1)) / 2;
  const tiesX = countTies(count, (i, j) => x(at(i)) === x(at(j)));
  const tiesBoth = countTies(count, (i, j) => x(at(i)) === x(at(j)) && y(at(i)) === y(at(j)));
  const discordant = countInversions(Float64Array.from(order, y));
  const sorted = Float64Array.from({ length: count }, (_, i) => y(i)).sort();
  const tiesY = countTies(count, (i, j) => sorted[i] === sorted[j]);
  const scale = Math.sqrt(pairs - tiesX) * Math.sqrt(pairs - tiesY);
  return scale === 0 ? 0 : (pairs - tiesX - tiesY + tiesBoth - 2 * discordant) / scale;
}

/** Whether steps get shorter along the chains, as read away from the root: -1 to 1, longer chains count more. */
function voteOnSteps(chains: readonly Chain[], ways: Float64Array, distances: Pick<Distances, 'length'>): number {
  let sum = 0;
  let weight = 0;
  for (const chain of chains) {
    if (chain.length - 1 < FEWEST_STEPS) continue;
    const isForward = (ways[chain[0] ?? 0] ?? 0) <= (ways[chain.at(-1) ?? 0] ?? 0);
    const steps = chain.slice(1).map((member, i) => distances.length(chain[i] ?? 0, member));
    const trend = kendallTau(Array.from(steps.keys()), steps);
    sum -= (isForward ? trend : -trend) * steps.length;
    weight += steps.length;
  }
  return weight === 0 ? 0 : sum / weight;
}

/** The vote of the weights: features that rise with training, steps that shrink. Three at most, and nothing from two checkpoints. */
export function voteOnTraining(
  ways: Float64Array,
  chains: readonly Chain[],
  distances: Pick<Distances, 'length'>,
  features: Features,
): number {
  if (ways.length < FEWEST_POINTS) return 0;
  const rising = features.reduce((sum, feature) => sum + kendallTau(ways, feature), 0);
  return rising + voteOnSteps(chains, ways, distances);
}

/** Finds the chain end from which the checkpoints, read along the spanning tree, look most like training (lineage.md, B3). */
export function findRoot(tree: Tree, chains: readonly Chain[], voteOn: (ways: Float64Array) => number): Root {
  const ends = [...new Set(chains.flatMap((chain) => [chain[0] ?? 0, chain.at(-1) ?? 0]))].sort((a, b) => a - b);
  let best: Root | undefined;
  for (const root of ends) {
    const ways = measureFrom(tree, root);
    const vote = voteOn(ways);
    if (best === undefined || vote > best.vote) best = { root, ways, vote, isKnown: Math.abs(vote) >= LEAST_VOTE };
  }
  return best ?? { root: 0, ways: measureFrom(tree, 0), vote: 0, isKnown: false };
}
