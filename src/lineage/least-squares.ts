import { productsOfDifferences } from './four-products.ts';

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

/** A least squares problem as the active set sees it: products are asked for as they are needed. */
export interface Columns {
  readonly count: number;
  /** Inner product of two columns. */
  gram(i: number, j: number): number;
  /** Inner product of a column with the target. */
  right(i: number): number;
  /** Inner product of every column with what the weights leave of the target. */
  slopes(weights: Float64Array): Float64Array;
}

/** Columns whose products are all known. */
export function columnsOf({ order, gram, right }: Normal): Columns {
  return {
    count: order,
    gram: (i, j) => gram[i * order + j] ?? 0,
    right: (i) => right[i] ?? 0,
    slopes(weights) {
      const used = [...weights.keys()].filter((j) => weights[j] !== 0);
      return right.map((b, i) => b - used.reduce((sum, j) => sum + (gram[i * order + j] ?? 0) * (weights[j] ?? 0), 0));
    },
  };
}

/** Differences of vectors from one base, in single precision, each with one more value behind it. */
export interface Differences {
  readonly vectors: readonly Float32Array[];
  readonly base: Float32Array;
  readonly last: number;
}

/** Columns that are differences of vectors: for many of which few are used, none is kept. */
export function columnsOfDifferences({ vectors, base, last }: Differences, target: Float32Array): Columns {
  const products = new Map<string, number>();
  const at = (i: number) => vectors[i] ?? base;
  const difference = (i: number): Float32Array => {
    const column = new Float32Array(base.length + 1);
    const vector = at(i);
    for (let k = 0; k < base.length; k++) column[k] = (vector[k] ?? 0) - (base[k] ?? 0);
    column[base.length] = last;
    return column;
  };
  const inner = (i: number, other: Float32Array | Float64Array): number => {
    const vector = at(i);
    let sum = 0;
    for (let k = 0; k < base.length; k++) sum += Math.fround((vector[k] ?? 0) - (base[k] ?? 0)) * (other[k] ?? 0);
    return sum + last * (other[base.length] ?? 0);
  };
  return {
    count: vectors.length,
    gram(i, j) {
      const key = i < j ? `${i} ${j}` : `${j} ${i}`;
      const product = products.get(key) ?? inner(i, difference(j));
      products.set(key, product);
      return product;
    },
    right: (i) => inner(i, target),
    slopes(weights) {
      const rest = Float64Array.from(target);
      weights.forEach((w, i) => {
        if (w === 0) return;
        const column = difference(i);
        for (let k = 0; k < column.length; k++) rest[k] = (rest[k] ?? 0) - w * (column[k] ?? 0);
      });
      const beyond = last * (rest[base.length] ?? 0);
      return productsOfDifferences(vectors, base, rest).map((product) => product + beyond);
    },
  };
}

/** Non-negative least squares by the active set of Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23), on the normal equations. */
export function solveNonNegative(
  columns: Columns,
  mostRounds = Math.min(20 * columns.count + 20, MOST_ROUNDS),
): Float64Array {
  const weights = new Float64Array(columns.count);
  const passive: number[] = [];
  let tolerance = -1;
  for (let round = 0; round < mostRounds; round++) {
    const slopes = columns.slopes(weights);
    if (tolerance < 0) tolerance = 1e-12 * slopes.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const next = steepest(slopes, passive, tolerance);
    if (next === undefined) break;
    passive.push(next);
    if (!settle(columns, weights, passive, next)) break;
  }
  return weights;
}

/** More columns than this never enter the active set of a mixture worth naming. */
const MOST_ROUNDS = 200;

function steepest(slopes: Float64Array, passive: readonly number[], tolerance: number): number | undefined {
  let best: number | undefined;
  let most = tolerance;
  slopes.forEach((slope, i) => {
    if (slope <= most || passive.includes(i)) return;
    most = slope;
    best = i;
  });
  return best;
}

function normalOf(columns: Columns, passive: readonly number[]): Normal {
  const order = passive.length;
  const gram = new Float64Array(order * order);
  passive.forEach((i, a) => {
    passive.forEach((j, b) => {
      gram[a * order + b] = columns.gram(i, j);
    });
  });
  return { order, gram, right: Float64Array.from(passive, (i) => columns.right(i)) };
}

/** Solves on the passive set and moves back into the orthant until nothing is negative; false when the newest column leaves at once. */
function settle(columns: Columns, weights: Float64Array, passive: number[], newest: number): boolean {
  for (let guard = 0; guard <= columns.count + 1; guard++) {
    const solution = solveNormal(normalOf(columns, passive), [...passive.keys()]);
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
