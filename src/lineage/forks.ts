import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';

/** Coefficients that extend a branch one step backwards by a line and by a parabola through its first checkpoints. */
const EXTENSIONS: readonly (readonly number[])[] = [
  [2, -1],
  [3, -3, 1],
];
/** A branch of one checkpoint has no step to extend. */
const STANDSTILL: readonly number[] = [1];
/** Checkpoints of a branch that its extension looks at: three, and one more to choose between the two forms. */
export const BRANCH_START = 4;

/** A checkpoint that a branch may come from. */
export interface ForkCandidate {
  readonly candidate: number;
  /** Squared distance to the branch extended one step backwards. */
  readonly miss: number;
}

/**
 * Squared distance between a combination of checkpoints and another one, from distances alone. Coefficients sum to 1;
 * `squared` may be of whole sketches or of one tensor.
 */
export function squaredToCombination(
  squared: (a: number, b: number) => number,
  members: Chain,
  coefficients: readonly number[],
  other: number,
): number {
  let sum = 0;
  coefficients.forEach((c, i) => {
    const a = members[i] ?? 0;
    sum += c * squared(a, other);
    for (let j = 0; j < i; j++) sum -= c * (coefficients[j] ?? 0) * squared(a, members[j] ?? 0);
  });
  return sum;
}

/** The extension that best foretells the branch's first checkpoint from those after it. */
export function chooseExtension(branch: Chain, squared: (a: number, b: number) => number): readonly number[] {
  const [head = 0, ...rest] = branch;
  let best = branch.length < 2 ? STANDSTILL : (EXTENSIONS[0] ?? STANDSTILL);
  let least = Number.POSITIVE_INFINITY;
  for (const extension of EXTENSIONS) {
    if (extension.length > rest.length) continue;
    const miss = squaredToCombination(squared, rest, extension, head);
    if (miss >= least) continue;
    least = miss;
    best = extension;
  }
  return best;
}

/** Ranks candidates by how near the branch, extended one step backwards, comes to them (lineage.md, B5); the best first. */
export function rankForkCandidates(branch: Chain, candidates: Chain, distances: Distances): readonly ForkCandidate[] {
  const start = branch.slice(0, BRANCH_START);
  const extension = chooseExtension(start, distances.squared);
  return candidates
    .map((candidate) => ({ candidate, miss: squaredToCombination(distances.squared, start, extension, candidate) }))
    .sort((a, b) => a.miss - b.miss || a.candidate - b.candidate);
}

/**
 * A sibling is no parent: when the branch's head lies behind the candidate on its chain and within a step of it, both come
 * from the checkpoint before.
 */
export function stepBackFromSibling(head: number, candidate: number, chain: Chain, distances: Distances): number {
  const position = chain.indexOf(candidate);
  const before = chain[position - 1];
  if (before === undefined || position === chain.length - 1) return candidate;
  const isWithinStep = distances.squared(head, candidate) < distances.squared(before, candidate);
  const step = distances.squared(candidate, before);
  const isBehind = distances.squared(head, before) < distances.squared(head, candidate) + step;
  return isWithinStep && isBehind ? before : candidate;
}

/** How sharply a path turns at its middle, whatever the lengths of its steps: 0 straight on, .71 at a right angle, 1 straight back. */
export function turnAt(before: number, at: number, after: number, distances: Distances): number {
  const [first, second] = [distances.squared(before, at), distances.squared(at, after)];
  const lengths = 2 * Math.sqrt(first * second);
  if (!(lengths > 0)) return 0;
  const cosine = (distances.squared(before, after) - first - second) / lengths;
  return Math.sqrt((1 - Math.min(1, Math.max(-1, cosine))) / 2);
}
