import type { WeightArray } from '../tensors/weights.ts';
import { assignUnits } from './assign-units.ts';
import { product } from './placed-tensors.ts';

/** Where the entries of a tensor come from along its first two axes: `rows[i]` is the candidate's row that stands at i in the query. */
export interface FreeMatch {
  readonly rows: Int32Array;
  /** Absent for vectors. */
  readonly columns?: Int32Array;
}

/** Values by which two rows are told apart. */
const FEATURES = 24;
/** Rows that are assigned one to one at most; more are matched with their nearest alone. */
const LARGEST_ASSIGNED = 768;

/** Share of a tensor's energy that a match of a copy leaves at most, coarsely quantised ones included. */
const GOOD = 0.02;

/** Values arranged as units x features. */
interface Features {
  readonly units: number;
  readonly width: number;
  readonly values: Float64Array;
}

/** A tensor as rows x columns x inner. */
interface View {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly data: Float32Array;
}

/**
 * Finds the order of rows and columns that makes a candidate's tensor most like the query's, each axis by itself, without knowing what the axes are:
 * rows by their sorted values, which no order of columns changes; columns by what the rows then hold; rows again. Made for copies: units of
 * a copy have one twin each, and quantising or casting moves them by little.
 */
export function matchFreely(query: WeightArray, candidate: WeightArray): FreeMatch {
  if (query.shape.length < 2) return { rows: matchVectors(query.data, candidate.data) };
  const [q, c] = [viewOf(query), viewOf(candidate)];
  const same = identity(q.columns);
  const starts = [
    () => nearest(rowFeatures(q), rowFeatures(c)),
    () => nearest(directRows(q, same), directRows(c, same)),
    () => identity(q.rows),
  ];
  let best: Required<FreeMatch> = { rows: identity(q.rows), columns: same };
  let least = Number.POSITIVE_INFINITY;
  for (const start of starts) {
    const match = refine(q, c, start(), same);
    const left = energyLeft(q, c, match);
    if (left < least) [best, least] = [match, left];
    if (least < GOOD * energyOf(q)) break;
  }
  return best;
}

/** The candidate's tensor in the order of a match. */
export function applyFreeMatch(candidate: WeightArray, { rows, columns }: FreeMatch): WeightArray {
  const { inner, columns: width, data } = viewOf(candidate);
  const out = new Float32Array(data.length);
  for (const [row, from] of rows.entries()) {
    for (let column = 0; column < width; column++) {
      const at = (from * width + (columns?.[column] ?? column)) * inner;
      out.set(data.subarray(at, at + inner), (row * width + column) * inner);
    }
  }
  return { shape: candidate.shape, data: out };
}

/** Whether a match moves anything. */
export function movesUnits({ rows, columns }: FreeMatch): boolean {
  return rows.some((from, i) => from !== i) || (columns?.some((from, i) => from !== i) ?? false);
}

function viewOf({ shape, data }: WeightArray): View {
  const [rows = 1, columns = 1] = shape;
  return { rows, columns, inner: product(shape.slice(2)), data };
}

const identity = (size: number) => Int32Array.from({ length: size }, (_, i) => i);

/** Columns to the rows, then rows to the columns, and once more if that moved any. */
function refine(q: View, c: View, start: Int32Array, before: Int32Array): Required<FreeMatch> {
  let [rows, columns] = [start, before];
  for (let round = 0; round < 2; round++) {
    const last = rows;
    columns = nearest(directColumns(q, identity(q.rows)), directColumns(c, rows));
    rows = nearest(directRows(q, identity(q.columns)), directRows(c, columns));
    if (rows.every((from, i) => from === last[i])) break;
  }
  return { rows, columns };
}

function energyOf({ data }: View): number {
  let energy = 0;
  for (const x of data) energy += x * x;
  return energy;
}

function energyLeft(q: View, c: View, { rows, columns }: Required<FreeMatch>): number {
  let energy = 0;
  for (const [row, from] of rows.entries()) {
    for (const [column, source] of columns.entries()) {
      const [at, other] = [(row * q.columns + column) * q.inner, (from * c.columns + source) * c.inner];
      for (let k = 0; k < q.inner; k++) energy += ((q.data[at + k] ?? 0) - (c.data[other + k] ?? 0)) ** 2;
    }
  }
  return energy;
}

/** Evenly spread quantiles of every row's values. */
function rowFeatures({ rows, columns, inner, data }: View): Features {
  const length = columns * inner;
  const width = Math.min(FEATURES, length);
  const values = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const sorted = data.slice(row * length, (row + 1) * length).sort();
    for (let k = 0; k < width; k++)
      values[row * width + k] = sorted[width < 2 ? 0 : Math.round((k * (length - 1)) / (width - 1))] ?? 0;
  }
  return { units: rows, width, values };
}

/** Evenly spread values of every row, the columns in the given order. */
function directRows({ rows, columns, inner, data }: View, order: Int32Array): Features {
  const width = Math.min(FEATURES, columns * inner);
  const values = new Float64Array(rows * width);
  for (let k = 0; k < width; k++) {
    const at = Math.floor((k * columns * inner) / width);
    const from = (order[Math.floor(at / inner)] ?? 0) * inner + (at % inner);
    for (let row = 0; row < rows; row++) values[row * width + k] = data[row * columns * inner + from] ?? 0;
  }
  return { units: rows, width, values };
}

/** Evenly spread values of every column, the rows in the given order. */
function directColumns({ rows, columns, inner, data }: View, order: Int32Array): Features {
  const width = Math.min(FEATURES, rows * inner);
  const values = new Float64Array(columns * width);
  for (let k = 0; k < width; k++) {
    const at = Math.floor((k * rows * inner) / width);
    const row = order[Math.floor(at / inner)] ?? 0;
    for (let column = 0; column < columns; column++)
      values[column * width + k] = data[(row * columns + column) * inner + (at % inner)] ?? 0;
  }
  return { units: columns, width, values };
}

/** Each of the query's units with its nearest; where two want one, the matching with the least total distance. */
function nearest(q: Features, c: Features): Int32Array {
  const found = new Int32Array(q.units);
  const isTaken = new Uint8Array(c.units);
  let isOneToOne = true;
  for (let i = 0; i < q.units; i++) {
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    for (let j = 0; j < c.units; j++) {
      const distance = distanceOf(q, i, c, j, least);
      if (distance < least) [best, least] = [j, distance];
    }
    found[i] = best;
    isOneToOne &&= isTaken[best] === 0;
    isTaken[best] = 1;
  }
  return isOneToOne || q.units > LARGEST_ASSIGNED ? found : assigned(q, c);
}

function assigned(q: Features, c: Features): Int32Array {
  const values = new Float64Array(q.units * c.units);
  for (let i = 0; i < q.units; i++)
    for (let j = 0; j < c.units; j++) values[i * c.units + j] = -distanceOf(q, i, c, j, Number.POSITIVE_INFINITY);
  return assignUnits({ size: q.units, values });
}

/** Squared distance of two units, or any number above `limit` once it is exceeded. */
function distanceOf(q: Features, i: number, c: Features, j: number, limit: number): number {
  let sum = 0;
  for (let k = 0; k < q.width && sum <= limit; k++)
    sum += ((q.values[i * q.width + k] ?? 0) - (c.values[j * c.width + k] ?? 0)) ** 2;
  return sum;
}

/** The smallest with the smallest, and so on: the least squares of two vectors. */
function matchVectors(q: Float32Array, c: Float32Array): Int32Array {
  const order = (values: Float32Array) =>
    [...values.keys()].sort((i, j) => (values[i] ?? 0) - (values[j] ?? 0) || i - j);
  const [own, other] = [order(q), order(c)];
  const rows = new Int32Array(q.length);
  for (const [rank, i] of own.entries()) rows[i] = other[rank] ?? 0;
  return rows;
}
