/** A symmetric matrix, row-major, and its order. */
export interface Normal {
  readonly order: number;
  readonly gram: Float64Array;
  readonly right: Float64Array;
}

/** Solves the normal equations restricted to `columns` by Cholesky; a column that depends on those before it gets 0. */
export function solveNormal({ order, gram, right }: Normal, columns: readonly number[]): Float64Array {
  const k = columns.length;
  const lower = new Float64Array(k * k);
  const at = (i: number, j: number) => lower[i * k + j] ?? 0;
  const solution = new Float64Array(k);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = gram[(columns[i] ?? 0) * order + (columns[j] ?? 0)] ?? 0;
      const own = sum;
      for (let m = 0; m < j; m++) sum -= at(i, m) * at(j, m);
      if (i === j) lower[i * k + i] = sum > 1e-14 * own ? Math.sqrt(sum) : Number.POSITIVE_INFINITY;
      else lower[i * k + j] = at(j, j) === Number.POSITIVE_INFINITY ? 0 : sum / at(j, j);
    }
  }
  for (let i = 0; i < k; i++) {
    let sum = right[columns[i] ?? 0] ?? 0;
    for (let m = 0; m < i; m++) sum -= at(i, m) * (solution[m] ?? 0);
    solution[i] = sum / at(i, i);
  }
  for (let i = k - 1; i >= 0; i--) {
    let sum = solution[i] ?? 0;
    for (let m = i + 1; m < k; m++) sum -= at(m, i) * (solution[m] ?? 0);
    solution[i] = sum / at(i, i);
  }
  return solution;
}

/** Non-negative least squares by the active set of Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23), on the normal equations. */
export function solveNonNegative(normal: Normal, mostRounds = 20 * normal.order + 20): Float64Array {
  const { order, right } = normal;
  const weights = new Float64Array(order);
  const passive: number[] = [];
  const tolerance = 1e-12 * right.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  for (let round = 0; round < mostRounds; round++) {
    const next = steepest(normal, weights, passive, tolerance);
    if (next === undefined) break;
    passive.push(next);
    if (!settle(normal, weights, passive, next)) break;
  }
  return weights;
}

function steepest(
  { order, gram, right }: Normal,
  weights: Float64Array,
  passive: readonly number[],
  tolerance: number,
) {
  let best: number | undefined;
  let most = tolerance;
  for (let i = 0; i < order; i++) {
    if (passive.includes(i)) continue;
    let slope = right[i] ?? 0;
    for (const j of passive) slope -= (gram[i * order + j] ?? 0) * (weights[j] ?? 0);
    if (slope > most) {
      most = slope;
      best = i;
    }
  }
  return best;
}

/** Solves on the passive set and moves back into the orthant until nothing is negative; false when the newest column leaves at once. */
function settle(normal: Normal, weights: Float64Array, passive: number[], newest: number): boolean {
  for (let guard = 0; guard <= normal.order + 1; guard++) {
    const solution = solveNormal(normal, passive);
    if (guard === 0 && (solution[passive.indexOf(newest)] ?? 0) <= 0) {
      passive.pop();
      return false;
    }
    const share = feasibleShare(solution, weights, passive);
    passive.forEach((column, i) => {
      const old = weights[column] ?? 0;
      weights[column] = share === 1 ? (solution[i] ?? 0) : old + share * ((solution[i] ?? 0) - old);
    });
    if (share === 1) return true;
    for (let i = passive.length - 1; i >= 0; i--) {
      const column = passive[i] ?? 0;
      if ((weights[column] ?? 0) > 1e-15) continue;
      weights[column] = 0;
      passive.splice(i, 1);
    }
  }
  return true;
}

function feasibleShare(solution: Float64Array, weights: Float64Array, passive: readonly number[]): number {
  let share = 1;
  passive.forEach((column, i) => {
    const to = solution[i] ?? 0;
    const from = weights[column] ?? 0;
    if (to < 0) share = Math.min(share, from / (from - to));
  });
  return share;
}
