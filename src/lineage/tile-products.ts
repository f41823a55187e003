import { lazyWasm } from '../bytes/wasm-module.ts';
import type { PackedPoints } from './block-products.ts';
import { LINEAGE_WASM } from './lineage-wasm.ts';

const openLineageModule = lazyWasm(LINEAGE_WASM);

/** Points whose pairs are visited together: two tiles of sketches are half a megabyte. */
export const TILE = 64;
/** Where the first tile lies in the module's memory. */
const FIRST = 16;
/** Squared lengths between which no product overflows, and none is lost that matters. */
const [SHORTEST, LONGEST] = [2 ** -80, 2 ** 100];

/** Inner products of the points of two tiles, in single precision. */
export interface TileProducts {
  /** What twice a product may be off by, relative to the sum of the two squared lengths. */
  readonly error: number;
  /** The products of the tiles that begin there, {@link TILE} a row; valid until the next call. Beyond the last point they mean nothing. */
  multiply(rows: number, columns: number): Float32Array;
}

/** Opens the products of points; `undefined` where they are few, of odd dimension or extreme, or WebAssembly may not run. */
export function openTileProducts({ count, dimension, values, squares }: PackedPoints): TileProducts | undefined {
  if (count <= TILE || dimension === 0 || dimension % 4 !== 0) return undefined;
  if (!squares.every((square) => square === 0 || (square >= SHORTEST && square <= LONGEST))) return undefined;
  const module = openLineageModule();
  if (module === undefined) return undefined;
  const floats = TILE * dimension;
  const [a, b, out] = [FIRST, FIRST + 4 * floats, FIRST + 8 * floats];
  const memory = module.reserve(out + 4 * TILE * TILE);
  const tiles = [new Float32Array(memory, a, floats), new Float32Array(memory, b, floats)] as const;
  const products = new Float32Array(memory, out, TILE * TILE);
  return {
    // A sum of n products in single precision is off by less than n + 1 roundings, of 2^-24 each, of the sum of their sizes (Higham, section
    // 3.1), which is at most half the sum of the squared lengths. Four sums of a fourth are made here: this is four times the bound.
    error: dimension * 2 ** -24,
    multiply(rows, columns) {
      tiles[0].set(values.subarray(rows * dimension, (rows + TILE) * dimension));
      tiles[1].set(values.subarray(columns * dimension, (columns + TILE) * dimension));
      module.call('multiplyTiles', a, b, dimension, TILE, out);
      return products;
    },
  };
}
