import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Rows (or columns) that a spectrum is taken from: a strided part of a matrix has no higher rank than the whole. */
export const MOST_ROWS = 256;

/** A row-major matrix in double precision. */
export interface DenseMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** Singular values of a matrix, largest first, through the Gram matrix of its smaller side; matrices above MOST_ROWS a side are sampled by stride. */
export function singularValues(matrix: DenseMatrix): Float64Array {
  const gram = gramOfSmallSide(matrix);
  const values = new EigenvalueDecomposition(gram, { assumeSymmetric: true }).realEigenvalues;
  return Float64Array.from(values, (x) => Math.sqrt(Math.max(x, 0)))
    .sort()
    .reverse();
}

function gramOfSmallSide({ rows, columns, data }: DenseMatrix): Matrix {
  const byRow = rows <= columns;
  const [side, length] = byRow ? [rows, columns] : [columns, rows];
  const [sideStride, stride] = byRow ? [columns, 1] : [1, columns];
  const step = Math.ceil(side / MOST_ROWS);
  const count = Math.ceil(side / step);
  const gram = Matrix.zeros(count, count);
  for (let i = 0; i < count; i++) {
    for (let j = i; j < count; j++) {
      let sum = 0;
      const a = i * step * sideStride;
      const b = j * step * sideStride;
      for (let k = 0; k < length; k++) sum += (data[a + k * stride] ?? 0) * (data[b + k * stride] ?? 0);
      gram.set(i, j, sum);
      gram.set(j, i, sum);
    }
  }
  return gram;
}

/**
 * Largest singular value that rounding the weights to f32 alone can give a difference of two n x m matrices: every entry is off by up
 * to half a unit in the last place of the larger weight, in each of the operands and in the sum.
 */
export function roundingFloor(largestWeight: number, rows: number, columns: number): number {
  return 6e-8 * largestWeight * (Math.sqrt(rows) + Math.sqrt(columns));
}

/** Number of singular values above a floor; values below the noise of the Gram matrix itself (1e-7 of the first) do not count. */
export function numericalRank(values: Float64Array, floor: number): number {
  const least = Math.max(floor, 1e-7 * (values[0] ?? 0));
  let rank = 0;
  for (const value of values) if (value > least) rank++;
  return rank;
}
