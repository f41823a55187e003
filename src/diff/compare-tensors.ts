import type { WeightArray, Weights } from '../tensors/weights.ts';
import { bringInto } from './bring-into.ts';
import { numericalRank, roundingFloor, singularValues } from './singular-values.ts';
import { sourceName, type TensorPair } from './tensor-pair.ts';

/** How one tensor differs from the one it answers to. */
export interface TensorChange {
  readonly query: string;
  readonly candidate: string;
  readonly status: 'same' | 'changed' | 'reshaped';
  /** |q - c| / |c|; null when shapes differ or c is zero. */
  readonly relativeChange: number | null;
  readonly cosine: number | null;
  /** Share of the values that are not bit for bit the same. */
  readonly changedShare: number | null;
  /** Numerical rank of the difference of a matrix, above what rounding to f32 explains; null for vectors. */
  readonly rank: number | null;
  readonly kind: ChangeKind;
}

export type ChangeKind =
  | 'same'
  | 'turned'
  | 'rounding'
  | 'zeroed'
  | 'scaled'
  | 'sparse'
  | 'low-rank'
  | 'dense'
  | 'reshaped';

/** Difference relative to the weights below which it is rounding of a half type or finer (bf16: 2^-8). */
const ROUNDING = 2 ** -8;
/** A change touches few values when it leaves nine of ten alone. */
const SPARSE_SHARE = 0.1;
/** Matrices with more entries than this are compared without the rank of their change. */
const LARGEST_RANKED = 1 << 24;

/** Compares the paired tensors of two checkpoints one by one; the candidate's are brought into the query's axes first. */
export function compareTensors(
  query: Weights,
  candidate: Weights,
  pairs: readonly TensorPair[],
): readonly TensorChange[] {
  const brought = bringInto(pairs, candidate);
  return pairs.flatMap((pair, i) => {
    const a = query.get(pair.query);
    const b = brought.get(pair.query);
    const isFirst = !pair.placed || pairs.findIndex((other) => other.query === pair.query) === i;
    return a && b && isFirst
      ? [compareTensor(pair, pair.placed ? (sourceName(pairs, pair.query) ?? '') : pair.candidate, a, b)]
      : [];
  });
}

interface Sums {
  readonly difference: number;
  readonly query: number;
  readonly candidate: number;
  readonly product: number;
  readonly changed: number;
  readonly zeroed: number;
  /** Largest difference relative to the value it started from. */
  readonly worst: number;
  readonly largest: number;
}

function compareTensor(pair: TensorPair, candidate: string, a: WeightArray, b: WeightArray): TensorChange {
  const base = { query: pair.query, candidate };
  const isMoved = pair.layout !== undefined || pair.taken !== undefined || pair.placed !== undefined;
  if (a.shape.length !== b.shape.length || a.shape.some((n, i) => n !== b.shape[i])) {
    return {
      ...base,
      status: 'reshaped',
      relativeChange: null,
      cosine: null,
      changedShare: null,
      rank: null,
      kind: 'reshaped',
    };
  }
  const sums = sumUp(a.data, b.data);
  const rank = sums.changed === 0 ? 0 : rankOfChange(a, b, sums.largest);
  return {
    ...base,
    status: sums.changed === 0 && !isMoved ? 'same' : 'changed',
    relativeChange: sums.candidate > 0 ? Math.sqrt(sums.difference / sums.candidate) : sums.difference > 0 ? null : 0,
    cosine:
      sums.query > 0 && sums.candidate > 0 ? Math.min(1, sums.product / Math.sqrt(sums.query * sums.candidate)) : null,
    changedShare: a.data.length > 0 ? sums.changed / a.data.length : 0,
    rank: a.shape.length < 2 ? null : rank,
    kind: kindOfChange(sums, a, rank, isMoved),
  };
}

function sumUp(a: Float32Array, b: Float32Array): Sums {
  let difference = 0;
  let query = 0;
  let candidate = 0;
  let product = 0;
  let changed = 0;
  let zeroed = 0;
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) {
      if (Number.isFinite(x)) {
        query += x * x;
        candidate += y * y;
        product += x * y;
        largest = Math.max(largest, Math.abs(y));
      }
      continue;
    }
    changed++;
    if (x === 0) zeroed++;
    const d = x - y;
    if (!Number.isFinite(d)) continue;
    difference += d * d;
    query += x * x;
    candidate += y * y;
    product += x * y;
    worst = Math.max(worst, y === 0 ? Number.POSITIVE_INFINITY : Math.abs(d / y));
    largest = Math.max(largest, Math.abs(x), Math.abs(y));
  }
  return { difference, query, candidate, product, changed, zeroed, worst, largest };
}

function rankOfChange(a: WeightArray, b: WeightArray, largest: number): number | null {
  const rows = a.shape[0] ?? 1;
  if (a.shape.length < 2 || a.data.length > LARGEST_RANKED || rows === 0) return null;
  const columns = a.data.length / rows;
  const data = new Float64Array(a.data.length);
  for (let i = 0; i < data.length; i++) {
    const d = (a.data[i] ?? 0) - (b.data[i] ?? 0);
    data[i] = Number.isFinite(d) ? d : 0;
  }
  return numericalRank(singularValues({ rows, columns, data }), roundingFloor(largest, rows, columns));
}

function kindOfChange(sums: Sums, a: WeightArray, rank: number | null, turned: boolean): ChangeKind {
  const count = a.data.length;
  if (sums.changed === 0) return turned ? 'turned' : 'same';
  if (sums.zeroed === sums.changed && count > 1) return 'zeroed';
  if (sums.worst <= ROUNDING) return 'rounding';
  const unexplained = sums.query - (sums.candidate > 0 ? sums.product ** 2 / sums.candidate : 0);
  if (count > 2 && unexplained <= 1e-10 * sums.query) return 'scaled';
  if (sums.changed <= SPARSE_SHARE * count) return 'sparse';
  const side = Math.min(a.shape[0] ?? 1, count / (a.shape[0] ?? 1));
  return rank !== null && side > 4 && rank <= side / 2 ? 'low-rank' : 'dense';
}
