import { lazyWasm } from '../bytes/wasm-module.ts';
import { SYMMETRY_WASM } from './symmetry-wasm.ts';

const openSymmetryModule = lazyWasm(SYMMETRY_WASM);

/** Where the rows lie in the module's memory. */
const FIRST = 16;
/** Fewer products are made sooner than the rows are copied. */
const LEAST_PRODUCTS = 1 << 12;
/** Rows of more numbers stay where they are: the module's memory is not given back. */
const MOST_VALUES = 1 << 22;

/**
 * Inner products of all rows of two matrices of `size` rows of `width` numbers: entry (i, j) at i * size + j. Every sum is made in the same order by
 * the module and by plain loops. Valid until the next call.
 */
export function multiplyRows(q: Float64Array, c: Float64Array, size: number, width: number): Float64Array {
  const isWorthwhile = size * size * width >= LEAST_PRODUCTS && size * (2 * width + size) <= MOST_VALUES;
  const module = isWorthwhile ? openSymmetryModule() : undefined;
  if (module === undefined) return multiplyPlainly(q, c, size, width);
  const length = size * width;
  const [a, b, out] = [FIRST, FIRST + 8 * length, FIRST + 16 * length];
  const memory = module.reserve(out + 8 * size * size);
  new Float64Array(memory, a, length).set(q.subarray(0, length));
  new Float64Array(memory, b, length).set(c.subarray(0, length));
  module.call('multiplyRows', a, b, width, size, out);
  return new Float64Array(memory, out, size * size);
}

function multiplyPlainly(q: Float64Array, c: Float64Array, size: number, width: number): Float64Array {
  const products = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) products[i * size + j] = dot(q, i * width, c, j * width, width);
  }
  return products;
}

/** Four sums at once: one alone would wait for each addition. */
function dot(q: Float64Array, qAt: number, c: Float64Array, cAt: number, width: number): number {
  let a = 0;
  let b = 0;
  let d = 0;
  let e = 0;
  let k = 0;
  for (; k + 3 < width; k += 4) {
    a += (q[qAt + k] ?? 0) * (c[cAt + k] ?? 0);
    b += (q[qAt + k + 1] ?? 0) * (c[cAt + k + 1] ?? 0);
    d += (q[qAt + k + 2] ?? 0) * (c[cAt + k + 2] ?? 0);
    e += (q[qAt + k + 3] ?? 0) * (c[cAt + k + 3] ?? 0);
  }
  for (; k < width; k++) a += (q[qAt + k] ?? 0) * (c[cAt + k] ?? 0);
  return a + b + (d + e);
}
