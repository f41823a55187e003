import { invariant } from '../assert.ts';
import { lazyWasm } from '../bytes/wasm-module.ts';
import { NEIGHBORS_WASM } from './neighbors-wasm.ts';

const openNeighborsModule = lazyWasm(NEIGHBORS_WASM);

/** Largest code of a row. */
const ROW_LEVELS = 127;
/** Largest code of a query: the sum of {@link LONGEST_ROW} products of the largest stays below 2^31. */
const QUERY_LEVELS = 8191;
/** What a bound may be off by because the numbers in it are rounded: cosines are at most 1, and single precision has 24 bits. */
const ROUNDING = 1e-6;
/** Longest row whose products fit. */
const LONGEST_ROW = 1024;

/** What turns the product of a row's codes into a cosine. */
export interface CoarseScale {
  /** Of one step of the codes, the share of the row's length; 0 for a row without a direction. */
  readonly factor: number;
  /** What rounding took away, as a share of the row's length. */
  readonly slack: number;
}

/**
 * Rounds a row to signed bytes.
 *
 * @param length Euclidean length of the row.
 * @param codes as many as the row has values, to be written.
 */
export function encodeCoarse(row: Float32Array, length: number, codes: Int8Array): CoarseScale {
  let largest = 0;
  for (let i = 0; i < row.length; i++) largest = Math.max(largest, Math.abs(row[i] ?? 0));
  const step = largest / ROW_LEVELS;
  if (!(length > 0) || !Number.isFinite(length) || !(step > 0)) return { factor: 0, slack: 0 };
  let square = 0;
  for (let i = 0; i < row.length; i++) {
    const value = row[i] ?? 0;
    const code = Math.round(value / step);
    codes[i] = code;
    square += (value - code * step) ** 2;
  }
  return { factor: step / length, slack: Math.sqrt(square) / length };
}

/** Rows of codes in memory of their own, and the products of them with a query. */
export interface CoarseQuery {
  /** The query with length one. */
  readonly unit: Float32Array;
  /** Room for rows: what is read into it is multiplied where it stands. */
  readonly room: Uint8Array;
  /** Whole products of `count` rows of codes, `step` bytes from one to the next, from a place in the room on; valid until the next call. */
  multiply(at: number, step: number, count: number): Int32Array;
  /** The cosine of a row by its product, give or take {@link offBy}. */
  cosine(product: number, scale: CoarseScale): number;
  /** What that is off by at most: by the Cauchy-Schwarz inequality, what rounding took from the row and from the query. */
  offBy(scale: CoarseScale): number;
}

/** Where the query's codes, the products and the rows lie in memory. */
function layOut(dimension: number, rows: number) {
  const products = 2 * dimension;
  return { products, room: products + 4 * rows };
}

function multiplyPlainly(memory: ArrayBufferLike, dimension: number, at: number, step: number, products: Int32Array) {
  const [codes, query] = [new Int8Array(memory), new Int16Array(memory, 0, dimension)];
  for (let row = 0; row < products.length; row++) {
    const start = at + row * step;
    let sum = 0;
    for (let i = 0; i < dimension; i++) sum += (codes[start + i] ?? 0) * (query[i] ?? 0);
    products[row] = sum;
  }
}

/**
 * Makes a query of a vector of length one.
 *
 * @param roomBytes how many bytes of rows there shall be room for, `rows` of them at most.
 */
export function openCoarseQuery(unit: Float32Array, roomBytes: number, rows: number): CoarseQuery {
  const dimension = unit.length;
  invariant(dimension <= LONGEST_ROW, 'the sum of products of codes fits in 32 bits');
  const at = layOut(dimension, rows);
  const module = dimension % 16 === 0 ? openNeighborsModule() : undefined;
  const memory = module?.reserve(at.room + roomBytes) ?? new ArrayBuffer(at.room + roomBytes);
  const largest = unit.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const step = largest / QUERY_LEVELS;
  const codes = new Int16Array(memory, 0, dimension);
  let [lost, whole] = [0, 0];
  unit.forEach((value, i) => {
    const code = step > 0 ? Math.round(value / step) : 0;
    codes[i] = code;
    lost += (value - code * step) ** 2;
    whole += value ** 2;
  });
  const [missing, length] = [Math.sqrt(lost), Math.sqrt(whole)];
  return {
    unit,
    room: new Uint8Array(memory, at.room, roomBytes),
    multiply(place, rowStep, count) {
      const products = new Int32Array(memory, at.products, count);
      if (module === undefined) multiplyPlainly(memory, dimension, at.room + place, rowStep, products);
      else module.call('multiplyCoarse', at.room + place, rowStep, count, 0, dimension, at.products);
      return products;
    },
    cosine: (product, { factor }) => product * factor * step,
    offBy: ({ slack }) => slack * length + (1 + slack) * missing + ROUNDING,
  };
}
