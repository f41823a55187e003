import { CHUNK_ELEMENTS } from './chunks.ts';

/** No tensor is cut below this. */
const LEAST_VALUES = 4096;
/** Values that candidates are ranked by: half a million place a checkpoint as well as all do. */
export const RANKED_VALUES = 1 << 19;
/** Of the chunks of a large tensor one in so many is read: what is stored must be decoded as a whole chunk. */
const MOST_APART = 4;

/** The rows of a tensor that are kept. */
export interface RowSample {
  /** Values of one row. */
  readonly width: number;
  /** Numbers of the rows, ascending. */
  readonly rows: Uint32Array;
}

/** One after the other, a stretch of a tensor's values that holds kept rows. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

const powerOfTwoBelow = (n: number) => 2 ** Math.floor(Math.log2(Math.max(n, 1)));

/**
 * Chooses about every `step`-th row of a tensor, evenly within every fourth chunk (every second of two or three). Which rows depends on nothing but
 * the shape, and the first ones not on how many follow, so that a row of one checkpoint is compared with the same of another.
 *
 * @param shape channels-first.
 * @param step a power of two.
 */
export function sampleOf(shape: readonly number[], values: number, step: number): RowSample {
  const count = shape.length > 0 ? (shape[0] ?? 1) : 1;
  const width = count > 0 ? values / count : 0;
  const own = Math.max(1, Math.min(step, count, Math.floor(values / LEAST_VALUES)));
  if (own === 1) return allRows(shape, values);
  const apart = width * 2 > CHUNK_ELEMENTS ? 1 : Math.min(own, MOST_APART, powerOfTwoBelow(values / CHUNK_ELEMENTS));
  return { width, rows: Uint32Array.from(listRows(count, width, apart, Math.max(1, Math.floor(own / apart)))) };
}

/** All rows of a tensor. */
export function allRows(shape: readonly number[], values: number): RowSample {
  const count = shape.length > 0 ? (shape[0] ?? 1) : 1;
  return { width: count > 0 ? values / count : 0, rows: countUp(count) };
}

/** Lists up to this length are shared: files of a hundred thousand small tensors ask for the same ones again and again. */
const MOST_SHARED = 256;
const shared = new Map<number, Uint32Array>();

/** 0, 1, 2 and so on. */
function countUp(count: number): Uint32Array {
  const known = shared.get(count);
  if (known !== undefined) return known;
  const numbers = new Uint32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = i;
  if (count <= MOST_SHARED) shared.set(count, numbers);
  return numbers;
}

/** A power of two by which so many values come down to a number of them, or below. */
export function stepTo(total: number, wanted: number): number {
  return total <= wanted ? 1 : 2 ** Math.ceil(Math.log2(total / wanted));
}

/**
 * Of the rows that are at hand those that candidates are ranked by: all tensors together stay within RANKED_VALUES, but for small ones.
 *
 * @param shape of what is at hand, channels-first.
 * @param total values of all tensors.
 */
export function thinRows({ width, rows }: RowSample, shape: readonly number[], total: number): RowSample {
  const step = stepTo(total, RANKED_VALUES);
  const kept = sampleOf(shape, rows.length * width, step).rows;
  return { width, rows: kept.length === rows.length ? rows : kept.map((at) => rows[at] ?? 0) };
}

/** Every `step`-th of the rows that lie wholly in one of the chunks that are read. */
function* listRows(count: number, width: number, apart: number, step: number): Iterable<number> {
  if (apart === 1) {
    for (let row = 0; row < count; row += step) yield row;
    return;
  }
  for (let start = 0; start < count * width; start += apart * CHUNK_ELEMENTS) {
    const last = Math.min(count, Math.floor((start + CHUNK_ELEMENTS) / width));
    for (let row = Math.ceil(start / width); row < last; row += step) yield row;
  }
}

/** Copies what a stretch of values, of which the first has the number `start`, holds of the kept rows. */
export function keepRows(piece: Float32Array, start: number, kept: Float32Array, { rows, width }: RowSample): void {
  for (let at = firstAfter(rows, start / width); at < rows.length; at++) {
    const row = (rows[at] ?? 0) * width;
    const from = Math.max(row, start);
    const to = Math.min(row + width, start + piece.length);
    if (from >= to) return;
    kept.set(piece.subarray(from - start, to - start), at * width + from - row);
  }
}

/** The place of the first row that ends behind a position, in rows. */
function firstAfter(rows: Uint32Array, position: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle] ?? 0) + 1 > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The parts of chunks that hold kept rows; a row that reaches into the next chunk belongs to its own. */
export function* stretchesOf({ rows, width }: RowSample): Iterable<Stretch> {
  let from = 0;
  for (let at = 0; at < rows.length; at++) {
    const chunk = chunkOf(rows, width, at);
    if (at + 1 < rows.length && chunkOf(rows, width, at + 1) === chunk) continue;
    yield { start: (rows[from] ?? 0) * width, end: ((rows[at] ?? 0) + 1) * width };
    from = at + 1;
  }
}

const chunkOf = (rows: Uint32Array, width: number, at: number) =>
  Math.floor(((rows[at] ?? 0) * width) / CHUNK_ELEMENTS);
