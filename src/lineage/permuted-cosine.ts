import { findUnitAxes } from '../sketch/canonical-shape.ts';
import { SKETCH_LENGTH } from '../sketch/summary.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';

/** Columns of a matrix that stand for all: fewer only make the deviation larger. */
const SAMPLED_COLUMNS = 64;

/** Some columns of a matrix, less the means of its rows and of its columns. */
interface CentredSample {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
  /** What its squares weigh in the whole: the sketch's scale, and the columns left out. */
  readonly weight: number;
}

/** As the centred sketch weighs a tensor: by the mean of fan-in and fan-out. */
function squaredScale(shape: readonly number[]): number {
  const units = findUnitAxes(shape);
  if (units === undefined) return 0;
  return (units.positions * ((shape[units.rows] ?? 1) + (shape[units.columns] ?? 1))) / 2;
}

function takeColumns({ shape, data }: WeightArray): CentredSample {
  const rows = shape[0] ?? 1;
  const width = data.length / rows;
  const columns = Math.min(width, SAMPLED_COLUMNS);
  const values = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const value = data[i * width + Math.floor((j * width) / columns)] ?? 0;
      if (Number.isFinite(value)) values[i * columns + j] = value;
    }
  }
  return { rows, columns, values, weight: (squaredScale(shape) * width) / columns };
}

/** Takes the means of rows and columns out, in place. */
function centre({ rows, columns, values }: CentredSample): void {
  const means = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    const row = values.subarray(i * columns, (i + 1) * columns);
    const mean = columns > 1 ? row.reduce((sum, value) => sum + value, 0) / columns : 0;
    for (let j = 0; j < columns; j++) {
      row[j] = (row[j] ?? 0) - mean;
      means[j] = (means[j] ?? 0) + (row[j] ?? 0) / rows;
    }
  }
  for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) - (means[i % columns] ?? 0);
}

/** Squared norm of the product of a matrix with its own transpose, from the smaller side. */
function squaredGram({ rows, columns, values }: CentredSample): number {
  const lines = new Float64Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) lines[j * rows + i] = values[i * columns + j] ?? 0;
  let total = 0;
  for (let a = 0; a < columns; a++) {
    for (let b = a; b < columns; b++) {
      const product = dot(lines, a * rows, b * rows, rows);
      total += (a === b ? 1 : 2) * product * product;
    }
  }
  return total;
}

function dot(values: Float64Array, a: number, b: number, length: number): number {
  let product = 0;
  for (let i = 0; i < length; i++) product += (values[a + i] ?? 0) * (values[b + i] ?? 0);
  return product;
}

/**
 * Variance of the cosine of a network's sketch with that of the same network with the rows of every matrix in random order. With G the
 * product of a centred matrix and its transpose, the sum of G over a random permutation has mean 0 and variance |G|² / (rows - 1), as rows and columns
 * of G add up to 0; the sketch adds 1 / length.
 *
 * @returns the sketch's share alone where no matrix varies.
 */
export function varianceOfPermuted(weights: Weights): number {
  let energy = 0;
  let variance = 0;
  for (const array of weights.values()) {
    if (array.shape.length < 2 || (array.shape[0] ?? 1) < 2 || array.data.length === 0) continue;
    const sample = takeColumns(array);
    centre(sample);
    energy += sample.weight * sample.values.reduce((sum, value) => sum + value * value, 0);
    variance += (sample.weight ** 2 * squaredGram(sample)) / (sample.rows - 1);
  }
  return 1 / SKETCH_LENGTH + (energy > 0 ? variance / energy ** 2 : 0);
}
