import { kendallTau } from '../forest-score.ts';
import { squaredDistance } from '../standard-methods.ts';

/** The checkpoints of a run as vectors, in the order of training. */
export type Run = readonly Float32Array[];

const distance = (a: Float32Array, b: Float32Array): number => Math.sqrt(squaredDistance(a, b));

const meanOf = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** How far each checkpoint is from the one before. */
export function stepLengths(run: Run): readonly number[] {
  return run.slice(1).map((vector, i) => distance(run[i] ?? vector, vector));
}

/** Cosines of successive steps: 1 goes straight on, 0 turns as a random walk does. */
export function turnCosines(run: Run): readonly number[] {
  const steps = run.slice(1).map((vector, i) => vector.map((x, k) => x - (run[i]?.[k] ?? 0)));
  return steps.slice(1).map((step, i) => {
    const before = steps[i] ?? step;
    let [ab, aa, bb] = [0, 0, 0];
    for (let k = 0; k < step.length; k++) {
      const [a, b] = [before[k] ?? 0, step[k] ?? 0];
      ab += a * b;
      aa += a * a;
      bb += b * b;
    }
    return ab / Math.sqrt(aa * bb);
  });
}

/** The least distance between two runs over the longest step within one: above 1, runs are apart everywhere. */
export function separationOf(runs: readonly Run[]): number {
  const longest = Math.max(...runs.flatMap(stepLengths));
  let least = Number.POSITIVE_INFINITY;
  for (const [i, a] of runs.entries()) {
    for (const b of runs.slice(i + 1)) {
      for (const x of a) for (const y of b) least = Math.min(least, distance(x, y));
    }
  }
  return least / longest;
}

/** Share of runs every step of which is shorter than the one before. */
export function shrinkingShare(runs: readonly Run[]): number {
  const shrinks = (steps: readonly number[]) => steps.slice(1).every((step, i) => step < (steps[i] ?? 0));
  return runs.filter((run) => shrinks(stepLengths(run))).length / runs.length;
}

/**
 * The rule that the paper's saw-tooth gives when steps shrink: the two that are nearest are the last; whoever is joined next came before.
 * Returns indices, first checkpoint first.
 */
export function orderByJoining(run: Run): readonly number[] {
  const joined = [...nearestPair(run)];
  while (joined.length < run.length) joined.push(nearestOutside(run, joined));
  return withLastPairOrdered(run, joined.toReversed());
}

/** Of the two that are joined first, the one that is nearer to the third comes before the other. */
function withLastPairOrdered(run: Run, order: readonly number[]): readonly number[] {
  const [third = 0, a = 0, b = 0] = order.slice(-3);
  const gapTo = (i: number): number => squaredDistance(run[third] ?? EMPTY, run[i] ?? EMPTY);
  return gapTo(a) <= gapTo(b) ? order : [...order.slice(0, -2), b, a];
}

function nearestPair(run: Run): readonly [number, number] {
  let best: readonly [number, number] = [0, 1];
  let least = Number.POSITIVE_INFINITY;
  for (const [i, a] of run.entries()) {
    for (let j = i + 1; j < run.length; j++) {
      const d = squaredDistance(a, run[j] ?? a);
      if (d < least) [best, least] = [[i, j], d];
    }
  }
  return best;
}

function nearestOutside(run: Run, inside: readonly number[]): number {
  const outside = run.flatMap((_, i) => (inside.includes(i) ? [] : [i]));
  const gaps = outside.map((i) => Math.min(...inside.map((j) => squaredDistance(run[i] ?? EMPTY, run[j] ?? EMPTY))));
  return outside[gaps.indexOf(Math.min(...gaps))] ?? 0;
}

const EMPTY = new Float32Array();

/** Goes from the checkpoint that is farthest from the middle to the nearest that was not seen yet, and so on. */
export function orderByChain(run: Run): readonly number[] {
  const middle = Float32Array.from(run[0] ?? EMPTY, (_, k) => meanOf(run.map((vector) => vector[k] ?? 0)));
  const far = run.map((vector) => squaredDistance(vector, middle));
  const chain = [far.indexOf(Math.max(...far))];
  while (chain.length < run.length) {
    const last = run[chain.at(-1) ?? 0] ?? EMPTY;
    const rest = run.flatMap((_, i) => (chain.includes(i) ? [] : [i]));
    const gaps = rest.map((i) => squaredDistance(last, run[i] ?? EMPTY));
    chain.push(rest[gaps.indexOf(Math.min(...gaps))] ?? 0);
  }
  return chain;
}

/** How orders of runs agree with time: mean of |tau|, share that is exact up to direction, share whose direction is right. */
export function scoreOrders(orders: readonly (readonly number[])[]) {
  const taus = orders.map(kendallTau);
  return {
    tau: meanOf(taus.map(Math.abs)),
    exact: taus.filter((tau) => Math.abs(tau) === 1).length / taus.length,
    forwards: taus.filter((tau) => tau > 0).length / taus.length,
  };
}
