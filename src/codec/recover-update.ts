import { toFloat32Bits } from './casts.ts';
import type { BlockType } from './codec.ts';
import { alignBytes, laneOf } from './lanes.ts';
import { countRows, MAX_RANK, type MatrixView } from './low-rank.ts';
import type { ScaledProduct } from './scaled-product.ts';
import {
  energyAfterPivots,
  energyOf,
  type Factors,
  findFactors,
  findStrongestEnergy,
  type Matrix,
} from './subspace.ts';
import { fitRows, meanResidual, transpose, type WeightedMatrix } from './weighted-fit.ts';

/** Rows and columns of the probe that tells whether a search is worth its time. */
const PROBE_SIZE = 64;
/** What a part of low rank leaves may be this much more than the noise is thought to be. */
const NOISE_MARGIN = 2;
/**
 * Share of white noise that the strongest half of a square probe's directions leaves: .106 by the law of the singular values of random matrices
 * (Marchenko and Pastur, 1967), more where the search for them is short. Taken with room, for whole probes only.
 */
const NOISE_LEFT = 0.25;
/** What pivots leave may be this much more than what the strongest part leaves; of 2,000 drawn matrices of rank 1 to 32 with noise it was 7 times at most. */
const PIVOT_MARGIN = 16;
/** Matrices with a shorter side gain nothing: their factors are as large as they are. */
const MIN_SIDE = 16;
/** An update that stands no higher above the rounding than this is not worth its factors. */
const MIN_SIGNAL_TO_NOISE = 4;
/**
 * Steps of the factors over what rounding lets them be known by. Coarser ones take fewer bits, and add a twelfth of their square to the square of the error;
 * on 512 x 4608 numbers .5, 1 and 2 make .0155, .0152 and .0150 of f32, .0648, .0643 and .0638 of bf16.
 */
const STEP_OF_ERROR = 2;
/** Factors are kept as whole numbers of 32 bits. */
const MAX_WHOLE = 2 ** 30;

interface Difference {
  readonly matrix: Matrix;
  /** Mean square that rounding alone leaves in a difference of two numbers of that size. */
  readonly noise: number;
}

/** Which numbers of a block are looked at: where rows begin, and columns of them. */
interface Grid {
  readonly rowStarts: readonly number[];
  readonly columns: readonly number[];
}

/** Rounding errs evenly over a unit in the last place, which is at most the value times 2^-M: its mean square for a value of 1. */
const unitOf = (type: BlockType): number => 2 ** (-2 * laneOf(type).mantissaBits) / 12;

/** Difference of two blocks at a grid's numbers. */
function readDifference(next: Float32Array, base: Float32Array, type: BlockType, grid: Grid): Difference {
  const [rows, columns] = [grid.rowStarts.length, grid.columns.length];
  const data = new Float64Array(rows * columns);
  const unit = unitOf(type);
  let noise = 0;
  let at = 0;
  for (const start of grid.rowStarts) {
    for (const column of grid.columns) {
      const value = next[start + column] ?? 0;
      const difference = value - (base[start + column] ?? 0);
      if (Number.isFinite(difference)) {
        data[at] = difference;
        noise += value * value * unit;
      }
      at++;
    }
  }
  return { matrix: { rows, columns, data }, noise: noise / data.length };
}

function spread(count: number, limit: number): number[] {
  const taken = Math.min(count, limit);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * count) / taken));
}

/** True when a part of low rank leaves of a probe's difference no more than rounding explains. */
function looksLowRank({ matrix, noise }: Difference): boolean {
  const total = energyOf(matrix);
  const noiseEnergy = noise * matrix.data.length;
  if (total < MIN_SIGNAL_TO_NOISE * noiseEnergy) return false;
  const probeRank = Math.min(MAX_RANK, matrix.rows >> 1, matrix.columns >> 1);
  const isWhole = matrix.rows === PROBE_SIZE && matrix.columns === PROBE_SIZE;
  const left = isWhole ? NOISE_LEFT * noiseEnergy : noiseEnergy;
  if (energyAfterPivots(matrix, probeRank) > PIVOT_MARGIN * NOISE_MARGIN * left) return false;
  return total - findStrongestEnergy(matrix, probeRank) < NOISE_MARGIN * left;
}

/** Pairs whose singular value stands above the largest that noise of that size has in a matrix of that shape. */
function countSignificant({ energies }: Factors, { matrix, noise }: Difference): number {
  const edge = noise * (Math.sqrt(matrix.rows) + Math.sqrt(matrix.columns)) ** 2;
  return energies.filter((energy) => energy > NOISE_MARGIN * edge).length;
}

/** Mean square of the rounding of numbers of a type, by the exponent of the f32 of the same value: a twelfth of the square of the unit in the last place. */
function roundingsOf(type: BlockType): Float64Array {
  const { exponentBits, mantissaBits } = laneOf(type);
  const lowest = 2 - 2 ** (exponentBits - 1);
  return Float64Array.from({ length: 256 }, (_, field) => 4 ** (Math.max(lowest, field - 127) - mantissaBits) / 12);
}

/** The difference of two blocks as rows of their matrix; numbers of the first and last row that are not in the block have no weight. */
function readWeighted({ next, base }: Pair, type: BlockType, view: MatrixView): WeightedMatrix {
  const roundings = roundingsOf(type);
  const exponents = ({ buffer, byteOffset, length }: Float32Array) =>
    new Uint32Array(buffer, byteOffset, length).map((u) => (u >>> 23) & 255);
  const [after, before] = [exponents(next), exponents(base)];
  const columns = view.rowLength;
  const rows = countRows(view, next.length);
  const data = new Float64Array(rows * columns);
  const weights = new Float64Array(rows * columns);
  for (let i = 0, at = view.rowOffset; i < next.length; i++, at++) {
    const difference = (next[i] ?? 0) - (base[i] ?? 0);
    if (!Number.isFinite(difference)) continue;
    data[at] = difference;
    weights[at] = 1 / ((roundings[after[i] ?? 0] ?? 0) + (roundings[before[i] ?? 0] ?? 0));
  }
  return { rows, columns, data, weights };
}

/** Numbers as whole steps; by the wished step where that is not too fine. */
function toSteps(
  values: Float64Array,
  wished: number,
): { readonly whole: Int32Array<ArrayBuffer>; readonly step: number } {
  const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const step = Math.fround(Math.max(wished, largest / MAX_WHOLE));
  return { whole: Int32Array.from(values, (x) => Math.round(x / step)), step };
}

/** The numbers of one of the pairs of a factor (lines x rank). */
const pairOf = (factor: Float64Array, rank: number, k: number): Float64Array =>
  Float64Array.from({ length: factor.length / rank }, (_, i) => factor[i * rank + k] ?? 0);

/** Euclidean length. */
function lengthOf(numbers: Float64Array): number {
  let sum = 0;
  for (const x of numbers) sum += x * x;
  return Math.sqrt(sum);
}

/** What rounding leaves unknown of a number whose weights are those of all numbers. */
function meanError({ weights }: WeightedMatrix): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i] ?? 0;
  return 1 / Math.sqrt(sum / weights.length);
}

/** The update with that row factor: row by row what of it fits best, in steps that rounding lets be known. */
function makeProduct(
  matrix: WeightedMatrix,
  view: MatrixView,
  right: Int32Array<ArrayBuffer>,
): { readonly product: ScaledProduct; readonly left: Float64Array; readonly right: Float64Array } {
  const rank = right.length / view.rowLength;
  const factor = new Float64Array(right.length);
  for (let k = 0, at = 0; k < rank; k++)
    for (let j = 0; j < view.rowLength; j++, at++) factor[j * rank + k] = right[at] ?? 0;
  const fitted = fitRows(matrix, factor);
  const left = new Int32Array(fitted.length);
  const wished = STEP_OF_ERROR * meanError(matrix);
  const scales = Float32Array.from({ length: rank }, (_, k) => {
    const norm = lengthOf(pairOf(factor, rank, k));
    const { whole, step } = toSteps(pairOf(fitted, rank, k), wished / Math.max(norm, 1));
    for (let row = 0; row < whole.length; row++) left[row * rank + k] = whole[row] ?? 0;
    return step;
  });
  return { product: { ...view, rank, scales, left, right }, left: fitted, right: factor };
}

/**
 * The row factor in whole numbers, pair by pair. From the strongest pairs of the plain difference on, one factor is fitted by the other, each number by how
 * well it is known: small numbers, whose rounding is fine, then say most. A second turn makes a block a quarter of a percent smaller.
 */
function findRight(matrix: WeightedMatrix, { right, rank }: { readonly right: Float64Array; readonly rank: number }) {
  const left = fitRows(matrix, right);
  const factor = fitRows(transpose(matrix), left);
  const whole = new Int32Array(factor.length);
  const wished = STEP_OF_ERROR * meanError(matrix);
  for (let k = 0; k < rank; k++) {
    const norm = lengthOf(pairOf(left, rank, k));
    whole.set(toSteps(pairOf(factor, rank, k), wished / norm).whole, k * matrix.columns);
  }
  return whole;
}

/** Two blocks as numbers. */
interface Pair {
  readonly next: Float32Array;
  readonly base: Float32Array;
}

function readPair(plain: Uint8Array, base: Uint8Array, type: BlockType): Pair {
  return { next: readFloats(plain, type), base: readFloats(base, type) };
}

/** Without a copy where the numbers are f32 already. */
function readFloats(bytes: Uint8Array, type: BlockType): Float32Array {
  if (type !== 'f32') return new Float32Array(toFloat32Bits(bytes, type).buffer);
  const { buffer, byteOffset, length } = alignBytes(bytes);
  return new Float32Array(buffer, byteOffset, length >> 2);
}

/** True when so many pairs leave no more than rounding explains; a probe cannot tell an update of rank 32 from one of a few more. */
function explains({ energies }: Factors, rank: number, { matrix, noise }: Difference): boolean {
  const found = energies.subarray(0, rank).reduce((sum, energy) => sum + energy, 0);
  return energyOf(matrix) - found < NOISE_MARGIN * noise * matrix.data.length;
}

/** The strongest pairs of the rows that a block holds as a whole: columns x rank; `undefined` where they are not what the difference is. */
function findPairs({ next, base }: Pair, type: BlockType, { rowLength, rowOffset }: MatrixView) {
  const start = (rowLength - rowOffset) % rowLength;
  const whole = Math.floor((next.length - start) / rowLength);
  if (Math.min(rowLength, whole) < MIN_SIDE) return undefined;
  const gridOf = (limit: number): Grid => ({
    rowStarts: spread(whole, limit).map((row) => start + row * rowLength),
    columns: spread(rowLength, limit),
  });
  if (!looksLowRank(readDifference(next, base, type, gridOf(PROBE_SIZE)))) return undefined;
  const difference = readDifference(next, base, type, gridOf(next.length));
  const factors = findFactors(difference.matrix, Math.min(MAX_RANK, whole, rowLength));
  const rank = countSignificant(factors, difference);
  if (rank === 0 || !explains(factors, rank, difference)) return undefined;
  const width = factors.right.columns;
  return { rank, right: factors.right.data.filter((_, i) => i % width < rank) };
}

/**
 * Recovers the factors of an update of low rank, a merged LoRA, from a block and its base.
 *
 * @returns `undefined` when the difference is not of low rank, or stands too little above the rounding.
 */
export function recoverUpdate(
  plain: Uint8Array,
  baseBytes: Uint8Array,
  type: BlockType,
  view: MatrixView,
): ScaledProduct | undefined {
  const pair = readPair(plain, baseBytes, type);
  const found = findPairs(pair, type, view);
  if (found === undefined) return undefined;
  const matrix = readWeighted(pair, type, view);
  return makeProduct(matrix, view, findRight(matrix, found)).product;
}

/**
 * Goes on with an update whose row factor is known from another block of the tensor.
 *
 * @param rowFactor - i32, rank x rowLength.
 * @returns `undefined` where it leaves more than rounding explains.
 */
export function continueUpdate(
  plain: Uint8Array,
  baseBytes: Uint8Array,
  type: BlockType,
  view: MatrixView,
  rowFactor: Uint8Array,
): ScaledProduct | undefined {
  const right = new Int32Array(new Uint8Array(rowFactor).buffer);
  if (right.length === 0 || right.length % view.rowLength > 0) return undefined;
  const matrix = readWeighted(readPair(plain, baseBytes, type), type, view);
  const fit = makeProduct(matrix, view, right);
  return meanResidual(matrix, fit.left, fit.right) < NOISE_MARGIN ? fit.product : undefined;
}
