import type { DenseMatrix } from '../diff/singular-values.ts';
import { topOfSpectrum } from './largest-eigenvalues.ts';

/** A residual as a matrix; `mask` is 1 where it was compared, absent when everywhere. */
export interface Residual {
  readonly matrix: DenseMatrix;
  readonly mask?: Uint8Array;
}

/** Matrices below this say nothing about structure. */
const LEAST_SIZE = 64;

/**
 * How far residuals are from white noise of one level a tensor, in standard deviations (0 for white): the top singular value against
 * the Tracy-Widom law (Johnstone 2001, mean and spread of the largest eigenvalue of a Wishart matrix), and the spread of row and column energies.
 */
export function whiteness(residuals: Iterable<Residual>): number {
  const scores = [...residuals].flatMap((residual) => matrixScores(residual));
  return scores.length === 0 ? 0 : scores.reduce((sum, z) => sum + z, 0) / Math.sqrt(scores.length);
}

function matrixScores({ matrix, mask }: Residual): number[] {
  const { rows, columns, data } = matrix;
  if (data.length < LEAST_SIZE) return [];
  let energy = 0;
  let count = 0;
  for (let i = 0; i < data.length; i++) {
    if (mask && mask[i] === 0) continue;
    energy += (data[i] ?? 0) ** 2;
    count++;
  }
  if (!(energy > 0)) return [];
  const level = energy / count;
  const spread = [spreadScore(matrix, mask, level, true), spreadScore(matrix, mask, level, false)];
  const top = count > 0.999 * data.length && Math.min(rows, columns) >= 4 ? [topScore(matrix, level)] : [];
  return [...top, ...spread.filter((z) => z !== undefined)];
}

/** Standardised largest eigenvalue; the Tracy-Widom law (beta 1) has mean -1.21 and standard deviation 1.27. */
function topScore(matrix: DenseMatrix, level: number): number {
  const top = (topOfSpectrum(matrix, 1).largest[0] ?? 0) / level;
  const a = Math.sqrt(matrix.rows - 1);
  const b = Math.sqrt(matrix.columns);
  const scale = (a + b) * (1 / a + 1 / b) ** (1 / 3);
  return ((top - (a + b) ** 2) / scale + 1.21) / 1.27;
}

/** Chi-square of the energies of rows (or columns) against their counts, standardised; the variance has the fourth moment's correction. */
function spreadScore(
  { rows, columns, data }: DenseMatrix,
  mask: Uint8Array | undefined,
  level: number,
  byRow: boolean,
) {
  const energies = new Float64Array(byRow ? rows : columns);
  const counts = new Float64Array(energies.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const i = row * columns + column;
      if (mask && mask[i] === 0) continue;
      const group = byRow ? row : column;
      const x = data[i] ?? 0;
      energies[group] = (energies[group] ?? 0) + x * x;
      counts[group] = (counts[group] ?? 0) + 1;
    }
  }
  const used = [...counts.keys()].filter((i) => (counts[i] ?? 0) >= 2);
  if (used.length < 4) return undefined;
  const sum = used.reduce(
    (total, i) => total + ((energies[i] ?? 0) / level - (counts[i] ?? 0)) ** 2 / (2 * (counts[i] ?? 1)),
    0,
  );
  const sizes = used.map((i) => counts[i] ?? 0).sort((a, b) => a - b);
  const freedom = used.length - 1;
  return (sum - freedom) / Math.sqrt(freedom * (2 + 48 / (sizes[sizes.length >> 1] ?? 1)));
}
