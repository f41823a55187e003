import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { squaredToCombination } from './forks.ts';

/** Keeps the Gram matrix of nearly parallel steps invertible, as a share of its mean diagonal. */
const RIDGE = 1e-4;
/** What of a checkpoint its path cannot explain is never taken for less than this share of it: rounding. */
const LEAST_RESIDUAL = 1e-9;

/** How much of every step of a path a point holds. */
export interface StepShares {
  /** One for each step: 1 for those that lie in the point's past, less for those that do not. */
  readonly shares: Float64Array;
  /** Squared length of what the steps do not explain. */
  readonly residual: number;
}

/** The steps of a path, as directions that points are written in. */
export interface StepFrame {
  readonly path: Chain;
  /** Inverse of the Gram matrix of the steps, row-major. */
  readonly inverse: Float64Array;
  readonly squaredSteps: Float64Array;
}

/** Inverts a symmetric positive definite matrix (Gauss and Jordan, without pivots). */
function invert(matrix: Float64Array, size: number): Float64Array {
  const left = Float64Array.from(matrix);
  const right = new Float64Array(size * size);
  for (let i = 0; i < size; i++) right[i * size + i] = 1;
  for (let i = 0; i < size; i++) {
    const pivot = left[i * size + i] ?? 1;
    for (let j = 0; j < size; j++) {
      left[i * size + j] = (left[i * size + j] ?? 0) / pivot;
      right[i * size + j] = (right[i * size + j] ?? 0) / pivot;
    }
    for (let k = 0; k < size; k++) {
      const factor = left[k * size + i] ?? 0;
      if (k === i || factor === 0) continue;
      for (let j = 0; j < size; j++) {
        left[k * size + j] = (left[k * size + j] ?? 0) - factor * (left[i * size + j] ?? 0);
        right[k * size + j] = (right[k * size + j] ?? 0) - factor * (right[i * size + j] ?? 0);
      }
    }
  }
  return right;
}

/** Prepares the steps of a path; undefined where they do not move. */
export function frameSteps(path: Chain, { squared }: Distances): StepFrame | undefined {
  const size = path.length - 1;
  const at = (i: number) => path[i] ?? 0;
  const gram = new Float64Array(size * size);
  let trace = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      // (b - a).(d - c) = (|b - c|^2 + |a - d|^2 - |b - d|^2 - |a - c|^2) / 2.
      const across = squared(at(i + 1), at(j)) + squared(at(i), at(j + 1));
      const along = squared(at(i + 1), at(j + 1)) + squared(at(i), at(j));
      const product = (across - along) / 2;
      gram[i * size + j] = product;
      gram[j * size + i] = product;
      if (i === j) trace += product;
    }
  }
  if (!(trace > 0)) return undefined;
  for (let i = 0; i < size; i++) gram[i * size + i] = (gram[i * size + i] ?? 0) + (RIDGE * trace) / size;
  const squaredSteps = Float64Array.from({ length: size }, (_, i) => gram[i * size + i] ?? 0);
  return { path, inverse: invert(gram, size), squaredSteps };
}

/**
 * Writes a combination of checkpoints in the steps of a path by least squares, from distances alone: the partial regression on
 * each step tells whether the point has passed it.
 *
 * @param coefficients sum to 1.
 */
export function shareSteps(
  { path, inverse }: StepFrame,
  members: Chain,
  coefficients: readonly number[],
  { squared }: Distances,
): StepShares {
  const size = path.length - 1;
  const toPath = path.map((node) => squaredToCombination(squared, members, coefficients, node));
  const start = path[0] ?? 0;
  const right = new Float64Array(size);
  for (let j = 0; j < size; j++) {
    const fall = (toPath[j] ?? 0) - (toPath[j + 1] ?? 0);
    right[j] = (fall + squared(start, path[j + 1] ?? 0) - squared(start, path[j] ?? 0)) / 2;
  }
  const shares = new Float64Array(size);
  let explained = 0;
  for (let i = 0; i < size; i++) {
    let share = 0;
    for (let j = 0; j < size; j++) share += (inverse[i * size + j] ?? 0) * (right[j] ?? 0);
    shares[i] = share;
    explained += share * (right[i] ?? 0);
  }
  const whole = toPath[0] ?? 0;
  return { shares, residual: Math.max(whole - explained, LEAST_RESIDUAL * Math.abs(whole)) };
}
