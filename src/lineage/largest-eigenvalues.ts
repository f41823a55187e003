import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { type DenseMatrix, MOST_ROWS } from '../diff/singular-values.ts';

/** Steps of Lanczos' method: the largest few of 256 eigenvalues, the edge of a white spectrum included, are then exact to a millionth. */
const STEPS = 64;

/** A matrix's Gram matrix over its smaller side, sampled by stride above MOST_ROWS. */
interface Gram {
  readonly size: number;
  readonly values: Float64Array;
  readonly trace: number;
}

/** The largest eigenvalues of A'A, largest first, and their sum over all: what the top of a spectrum holds, without the rest of it. */
export interface TopOfSpectrum {
  readonly largest: Float64Array;
  readonly total: number;
}

/**
 * Finds the `count` largest squared singular values by Lanczos' method with full reorthogonalisation (Golub and Van Loan, 10.1), from a fixed start:
 * the square of the side a step, where a full decomposition takes ten times its cube.
 */
export function topOfSpectrum(matrix: DenseMatrix, count: number): TopOfSpectrum {
  const gram = gramOf(matrix);
  const largest =
    gram.size <= STEPS ? eigenvalues(gram.size, (i, j) => gram.values[i * gram.size + j] ?? 0) : lanczos(gram);
  return { largest: largest.subarray(0, count), total: gram.trace };
}

function gramOf({ rows, columns, data }: DenseMatrix): Gram {
  const byRow = rows <= columns;
  const [side, length] = byRow ? [rows, columns] : [columns, rows];
  const step = Math.ceil(side / MOST_ROWS);
  const size = Math.ceil(side / step);
  const lines = Array.from({ length: size }, (_, i) => lineOf(data, byRow, i * step, length, columns));
  const values = new Float64Array(size * size);
  let trace = 0;
  for (const [i, a] of lines.entries()) {
    for (let j = i; j < size; j++) {
      const sum = dot(a, lines[j] ?? a);
      values[i * size + j] = sum;
      values[j * size + i] = sum;
      if (i === j) trace += sum;
    }
  }
  return { size, values, trace };
}

function lineOf(data: Float64Array, byRow: boolean, at: number, length: number, columns: number): Float64Array {
  if (byRow) return data.subarray(at * columns, at * columns + length);
  return Float64Array.from({ length }, (_, k) => data[k * columns + at] ?? 0);
}

function lanczos({ size, values }: Gram): Float64Array {
  const basis: Float64Array[] = [];
  const [diagonal, beside] = [new Float64Array(STEPS), new Float64Array(STEPS)];
  // A start without symmetry has a part along every eigenvector.
  let next = normalized(Float64Array.from({ length: size }, (_, i) => 1 + Math.sin(1.7 * i * i + i)));
  for (let step = 0; step < STEPS; step++) {
    basis.push(next);
    const image = Float64Array.from({ length: size }, (_, i) => dot(values.subarray(i * size, (i + 1) * size), next));
    diagonal[step] = dot(image, next);
    for (const vector of [...basis, ...basis]) subtract(image, dot(image, vector), vector);
    beside[step] = Math.sqrt(dot(image, image));
    next = normalized(image);
  }
  return eigenvalues(STEPS, (i, j) =>
    i === j ? (diagonal[i] ?? 0) : Math.abs(i - j) === 1 ? (beside[Math.min(i, j)] ?? 0) : 0,
  );
}

function eigenvalues(size: number, valueAt: (i: number, j: number) => number): Float64Array {
  const matrix = new Matrix(
    Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => valueAt(i, j))),
  );
  const found = new EigenvalueDecomposition(matrix, { assumeSymmetric: true }).realEigenvalues;
  return Float64Array.from(found, (x) => Math.max(x, 0))
    .sort()
    .reverse();
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function subtract(from: Float64Array, factor: number, vector: Float64Array): void {
  for (let i = 0; i < from.length; i++) from[i] = (from[i] ?? 0) - factor * (vector[i] ?? 0);
}

function normalized(vector: Float64Array): Float64Array {
  const norm = Math.sqrt(dot(vector, vector));
  return vector.map((x) => (norm > 0 ? x / norm : 0));
}
