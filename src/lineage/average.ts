import { addScaled, dot, type Vector } from './comparison.ts';
import { productsWith } from './four-products.ts';
import { columnsOf, columnsOfDifferences, type Normal, solveNonNegative, solveNormal } from './least-squares.ts';

/** A possible parent of an average: any key, its weights and its sketch. */
export interface Part<Key> {
  readonly key: Key;
  readonly vector: Vector;
}

/** A mixture: parents, coefficients with sum one, and what it leaves of the query. */
export interface Mixture<Key> {
  readonly parts: readonly { readonly key: Key; readonly weight: number }[];
  /** |q - mixture| / |q - base|. */
  readonly relativeResidual: number;
}

/** Coefficients below this are rounding. */
const LEAST_WEIGHT = 1e-3;
/** Refits after dropping what is zero. */
const REFITS = 3;

/**
 * Writes a query as a mixture of parts whose coefficients sum to one, none negative. The base is subtracted everywhere: the sum is then exact,
 * and the normal equations see differences, not weights, which conditions them a thousandfold better.
 */
export function mixNonNegative<Key>(query: Vector, base: Part<Key>, others: readonly Part<Key>[]): Mixture<Key> {
  const problem = differences(query, base, others);
  const solution = solveNonNegative(columnsOf(withSumRow(problem)));
  // Index 0 is the base itself, whose difference is zero: the sum row alone decides it.
  return toMixture(problem, [base, ...others], solution);
}

/**
 * The keys of the mixture that comes nearest to a sketch, heaviest first, over any number of sketches: for naming parents whose coefficients the weights
 * then give. Sketches are linear, so that the parents of a mean of weights are those of the mean of sketches.
 */
export function nameMixture<Key>(
  sketch: Float32Array,
  base: Float32Array,
  others: readonly { readonly key: Key; readonly sketch: Float32Array }[],
): readonly Key[] {
  const target = new Float32Array(base.length + 1);
  for (let i = 0; i < base.length; i++) target[i] = (sketch[i] ?? 0) - (base[i] ?? 0);
  const scale = Math.sqrt(target.reduce((sum, x) => sum + x * x, 0));
  target[base.length] = scale;
  const vectors = others.map((other) => other.sketch);
  const weights = solveNonNegative(columnsOfDifferences({ vectors, base, last: Math.fround(scale) }, target));
  const kept = others.flatMap(({ key }, i) =>
    (weights[i] ?? 0) > LEAST_WEIGHT ? [{ key, weight: weights[i] ?? 0 }] : [],
  );
  return kept.sort((a, b) => b.weight - a.weight).map(({ key }) => key);
}

/**
 * The same with coefficients of either sign (a task-arithmetic merge): plain least squares over all parts, whose differences are independent, then
 * once more over those that are not zero.
 */
export function mixSigned<Key>(query: Vector, base: Part<Key>, others: readonly Part<Key>[]): Mixture<Key> {
  const problem = differences(query, base, others);
  let solution = solveOn(problem, range(1, problem.order));
  for (let round = 0; round < REFITS; round++) {
    const kept = range(1, problem.order).filter((i) => Math.abs(solution[i] ?? 0) > LEAST_WEIGHT);
    solution = solveOn(problem, kept);
  }
  solution[0] = 1 - solution.reduce((sum, w) => sum + w, 0);
  return toMixture(problem, [base, ...others], solution);
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

function solveOn(problem: Problem, columns: readonly number[]): Float64Array {
  const solution = new Float64Array(problem.order);
  const solved = solveNormal(problem, columns);
  columns.forEach((column, i) => {
    solution[column] = solved[i] ?? 0;
  });
  return solution;
}

interface Problem extends Normal {
  /** |q - base|^2. */
  readonly target: number;
}

function differences<Key>(query: Vector, base: Part<Key>, others: readonly Part<Key>[]): Problem {
  const target = addScaled(query, -1, base.vector);
  const columns = others.map(({ vector }) => addScaled(vector, -1, base.vector));
  const order = others.length + 1;
  const gram = new Float64Array(order * order);
  const right = new Float64Array(order);
  right.set(productsWith(columns, target), 1);
  columns.forEach((column, i) => {
    productsWith(columns.slice(0, i + 1), column).forEach((value, j) => {
      gram[(i + 1) * order + j + 1] = value;
      gram[(j + 1) * order + i + 1] = value;
    });
  });
  return { order, gram, right, target: dot(target, target) };
}

/** Adds the equation "the sum is one", at the scale of the columns. */
function withSumRow({ order, gram, right }: Problem): Normal {
  let scale = 0;
  for (let i = 0; i < order; i++) scale += (gram[i * order + i] ?? 0) / order;
  return { order, gram: gram.map((x) => x + scale), right: right.map((x) => x + scale) };
}

function leftOver({ order, gram, right, target }: Problem, solution: Float64Array): number {
  let energy = target;
  for (let i = 0; i < order; i++) {
    const w = solution[i] ?? 0;
    if (w === 0) continue;
    energy -= 2 * w * (right[i] ?? 0);
    for (let j = 0; j < order; j++) energy += w * (solution[j] ?? 0) * (gram[i * order + j] ?? 0);
  }
  return Math.max(energy, 0);
}

function toMixture<Key>(problem: Problem, parts: readonly Part<Key>[], solution: Float64Array): Mixture<Key> {
  const kept = parts.flatMap((part, i) => {
    const weight = solution[i] ?? 0;
    return Math.abs(weight) > LEAST_WEIGHT ? [{ key: part.key, weight }] : [];
  });
  kept.sort((a, b) => b.weight - a.weight);
  return {
    parts: kept,
    relativeResidual: problem.target > 0 ? Math.sqrt(leftOver(problem, solution) / problem.target) : 0,
  };
}

/** Solves the coefficients of given parts again, with sum one exactly: the penalty on the sum of a non-negative solution is soft. */
export function refit<Key>(query: Vector, parts: readonly Part<Key>[]): Mixture<Key> {
  const [base, ...others] = parts;
  if (!base) return { parts: [], relativeResidual: 1 };
  const problem = differences(query, base, others);
  const solution = solveOn(problem, range(1, problem.order));
  solution[0] = 1 - solution.reduce((sum, w) => sum + w, 0);
  return toMixture(problem, parts, solution);
}
