import type { DenseMatrix } from '../diff/singular-values.ts';
import type { Weights } from '../tensors/weights.ts';
import type { Residual } from './whiteness.ts';

/** What of two checkpoints is compared: the tensors, and within a tensor the positions. */
export interface Comparison {
  readonly names: readonly string[];
  /** 1 where a tensor takes part; absent: everywhere. */
  readonly masks: ReadonlyMap<string, Uint8Array>;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

/** The compared values of one checkpoint, tensor after tensor; what is missing or not finite is 0. */
export type Vector = Float64Array;

/** Compares the named tensors everywhere, or where `query` is not zero. */
export function compareOn(query: Weights, names: readonly string[], whereNotZero: boolean): Comparison {
  const masks = new Map<string, Uint8Array>();
  const shapes = new Map<string, readonly number[]>();
  for (const name of names) {
    const tensor = query.get(name);
    if (!tensor) continue;
    shapes.set(name, tensor.shape);
    const mask = maskOf(tensor.data, whereNotZero);
    if (mask) masks.set(name, mask);
  }
  return { names: names.filter((name) => shapes.has(name)), masks, shapes };
}

function maskOf(data: Float32Array, whereNotZero: boolean): Uint8Array | undefined {
  const first = findLeftOut(data, whereNotZero);
  if (first === data.length) return undefined;
  const mask = new Uint8Array(data.length).fill(1, 0, first);
  for (let i = first; i < data.length; i++) mask[i] = isKept(data[i] ?? 0, whereNotZero) ? 1 : 0;
  return mask;
}

/** The place of the first value that takes no part; the length where all do. */
function findLeftOut(data: Float32Array, whereNotZero: boolean): number {
  for (let i = 0; i < data.length; i++) if (!isKept(data[i] ?? 0, whereNotZero)) return i;
  return data.length;
}

/** x - x is not 0 for what is infinite or no number. */
const isKept = (x: number, whereNotZero: boolean): boolean => x - x === 0 && !(whereNotZero && x === 0);

const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

/** Number of compared values of one tensor. */
export function comparedCount(comparison: Comparison, name: string): number {
  const mask = comparison.masks.get(name);
  return mask ? mask.reduce((sum, m) => sum + m, 0) : sizeOf(comparison.shapes.get(name) ?? [0]);
}

/** Number of compared values of all tensors. */
export function totalCompared(comparison: Comparison): number {
  return comparison.names.reduce((sum, name) => sum + comparedCount(comparison, name), 0);
}

/** Every `step`-th of the compared values of a checkpoint, the first included; as many as there are whole steps. */
export function thinVectorOf(weights: Weights, comparison: Comparison, step: number): Vector {
  const vector = new Float64Array(Math.floor(totalCompared(comparison) / step));
  let start = 0;
  for (const name of comparison.names) {
    const data = weights.get(name)?.data;
    if (data) thinFrom(vector, { start, step }, data, comparison.masks.get(name));
    start += comparedCount(comparison, name);
  }
  return vector;
}

/** @param start how many compared values stand before those of the tensor */
function thinFrom(
  vector: Vector,
  { start, step }: { readonly start: number; readonly step: number },
  data: Float32Array,
  mask: Uint8Array | undefined,
): void {
  const put = (place: number, x: number) => {
    if (place < vector.length) vector[place] = Number.isFinite(x) ? x : 0;
  };
  let at = start;
  if (mask === undefined) {
    for (let k = Math.ceil(start / step); k * step < start + data.length; k++) put(k, data[k * step - start] ?? 0);
    return;
  }
  for (let i = 0; i < data.length; i++) {
    if (mask[i] === 0) continue;
    if (at % step === 0) put(at / step, data[i] ?? 0);
    at++;
  }
}

/** Collects the compared values of a checkpoint into one vector. */
export function vectorOf(weights: Weights, comparison: Comparison): Vector {
  const counts = comparison.names.map((name) => comparedCount(comparison, name));
  const vector = new Float64Array(counts.reduce((sum, n) => sum + n, 0));
  let at = 0;
  comparison.names.forEach((name, t) => {
    const data = weights.get(name)?.data;
    if (data) fillFrom(vector, at, data, comparison.masks.get(name));
    at += counts[t] ?? 0;
  });
  return vector;
}

function fillFrom(vector: Vector, start: number, data: Float32Array, mask: Uint8Array | undefined): void {
  let at = start;
  for (let i = 0; i < data.length; i++) {
    if (mask && mask[i] === 0) continue;
    const x = data[i] ?? 0;
    vector[at++] = Number.isFinite(x) ? x : 0;
  }
}

/** The matrices (two or more axes) of a vector, zero where it was not compared. */
export function matricesOf(vector: Vector, comparison: Comparison): Residual[] {
  const matrices: Residual[] = [];
  let at = 0;
  for (const name of comparison.names) {
    const shape = comparison.shapes.get(name) ?? [];
    const mask = comparison.masks.get(name);
    const count = comparedCount(comparison, name);
    if (shape.length > 1) matrices.push(spread(vector.subarray(at, at + count), shape, mask));
    at += count;
  }
  return matrices;
}

function spread(values: Vector, shape: readonly number[], mask: Uint8Array | undefined): Residual {
  const rows = shape[0] ?? 1;
  const size = sizeOf(shape);
  const matrix = (data: Float64Array): DenseMatrix => ({ rows, columns: size / rows, data });
  if (!mask) return { matrix: matrix(values) };
  const data = new Float64Array(size);
  let at = 0;
  for (let i = 0; i < size; i++) if (mask[i] === 1) data[i] = values[at++] ?? 0;
  return { matrix: matrix(data), mask };
}

/** Inner product of two vectors. */
export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/** Squared distance of two vectors. */
export function squaredDistance(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    sum += d * d;
  }
  return sum;
}

/** a + factor * b. */
export function addScaled(a: Vector, factor: number, b: Vector): Vector {
  const sum = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) sum[i] = (a[i] ?? 0) + factor * (b[i] ?? 0);
  return sum;
}
