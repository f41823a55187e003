import { toFloat32Bits } from './casts.ts';
import type { BlockType } from './codec.ts';
import { laneOf } from './lanes.ts';
import { countRows, type LowRank, MAX_RANK, type MatrixView } from './low-rank.ts';
import { energyOf, type Factors, findFactors, findStrongestEnergy, type Matrix } from './subspace.ts';

/** Rows and columns of the probe that tells whether a search is worth its time. */
const PROBE_SIZE = 64;
/** What a part of low rank leaves may be this much more than the noise is thought to be. */
const NOISE_MARGIN = 2;
/**
 * Share of white noise that the strongest half of a square probe's directions leaves: .106 by the law of the singular values of random matrices
 * (Marchenko and Pastur, 1967), more where the search for them is short. Taken with room, for whole probes only.
 */
const NOISE_LEFT = 0.25;
/** Matrices with a shorter side gain nothing: their factors are as large as they are. */
const MIN_SIDE = 16;
/** An update that stands no higher above the rounding than this is not worth its factors. */
const MIN_SIGNAL_TO_NOISE = 4;

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

/** Difference of two blocks at a grid's numbers. */
function readDifference(next: Float32Array, base: Float32Array, type: BlockType, grid: Grid): Difference {
  const [rows, columns] = [grid.rowStarts.length, grid.columns.length];
  const data = new Float64Array(rows * columns);
  // Rounding errs evenly over a unit in the last place, which is at most the value times 2^-M.
  const unit = 2 ** (-2 * laneOf(type).mantissaBits) / 12;
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
  return total - findStrongestEnergy(matrix, probeRank) < NOISE_MARGIN * left;
}

/** Pairs whose singular value stands above the largest that noise of that size has in a matrix of that shape. */
function countSignificant({ energies }: Factors, { matrix, noise }: Difference): number {
  const edge = noise * (Math.sqrt(matrix.rows) + Math.sqrt(matrix.columns)) ** 2;
  return energies.filter((energy) => energy > NOISE_MARGIN * edge).length;
}

function makeUpdate(view: MatrixView, rows: number, firstRow: number, factors: Factors, rank: number): LowRank {
  const left = new Float32Array(rows * rank);
  const right = new Float32Array(rank * view.rowLength);
  const width = factors.left.columns;
  for (let r = 0; r < rank; r++) {
    for (let i = 0; i < factors.left.rows; i++) left[(firstRow + i) * rank + r] = factors.left.data[i * width + r] ?? 0;
    for (let j = 0; j < view.rowLength; j++) right[r * view.rowLength + j] = factors.right.data[j * width + r] ?? 0;
  }
  return { ...view, rank, left, right };
}

/**
 * Recovers the factors of an update of low rank, a merged LoRA, from a block and its base. Rows that the block holds only in part get none of it.
 *
 * @returns `undefined` when the difference is not of low rank, or stands too little above the rounding.
 */
export function recoverUpdate(
  plain: Uint8Array,
  baseBytes: Uint8Array,
  type: BlockType,
  view: MatrixView,
): LowRank | undefined {
  const { rowLength, rowOffset } = view;
  const count = plain.length / (laneOf(type).bits >> 3);
  const firstRow = rowOffset === 0 ? 0 : 1;
  const firstStart = (rowLength - rowOffset) % rowLength;
  const whole = Math.floor((count - firstStart) / rowLength);
  if (Math.min(rowLength, whole) < MIN_SIDE) return undefined;
  const next = new Float32Array(toFloat32Bits(plain, type).buffer);
  const base = new Float32Array(toFloat32Bits(baseBytes, type).buffer);
  const gridOf = (limit: number): Grid => ({
    rowStarts: spread(whole, limit).map((row) => firstStart + row * rowLength),
    columns: spread(rowLength, limit),
  });
  if (!looksLowRank(readDifference(next, base, type, gridOf(PROBE_SIZE)))) return undefined;
  const difference = readDifference(next, base, type, gridOf(count));
  const factors = findFactors(difference.matrix, Math.min(MAX_RANK, whole, rowLength));
  const rank = countSignificant(factors, difference);
  if (rank === 0) return undefined;
  return makeUpdate(view, countRows(view, count), firstRow, factors, rank);
}
