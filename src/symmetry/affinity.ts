import type { Affinity } from './assign-units.ts';
import { type PlacedTensor, product } from './placed-tensors.ts';
import { multiplyRows } from './row-products.ts';

/** Keeps the logarithm of what a perfect match leaves finite. */
const LEAST_RESIDUAL = 1e-4;

/**
 * Adds what one tensor says about which units go together along an axis: inner products, weighed by the root of the tensor's size over its norms;
 * or, scale-free, the log-likelihood that one is a multiple of the other where the query is not zero (so that pruned weights do not count).
 */
export function addAffinity(
  into: Affinity,
  query: PlacedTensor,
  candidate: PlacedTensor,
  axis: number,
  scaleFree: boolean,
): void {
  const [q, c] = [unitRows(query, axis), unitRows(candidate, axis)];
  const width = q.length / into.size;
  if (scaleFree) addLikelihoods(into, q, c, width);
  else addProducts(into, q, c, width);
}

/** Unit-major copy: one row a unit. */
export function unitRows({ shape, data }: PlacedTensor, axis: number): Float64Array {
  const [size, inner] = [shape[axis] ?? 1, product(shape.slice(axis + 1))];
  const width = data.length / size;
  const rows = new Float64Array(data.length);
  for (let block = 0; block * inner < data.length; block++) {
    const to = (block % size) * width + Math.floor(block / size) * inner;
    for (let k = 0; k < inner; k++) rows[to + k] = data[block * inner + k] ?? 0;
  }
  return rows;
}

function addProducts(into: Affinity, q: Float64Array, c: Float64Array, width: number): void {
  const norms = Math.sqrt(squares(q, 0, q.length) * squares(c, 0, c.length));
  if (!(norms > 0) || !Number.isFinite(norms)) return;
  const weight = Math.sqrt(q.length) / norms;
  const products = multiplyRows(q, c, into.size, width);
  for (let at = 0; at < products.length; at++) {
    into.values[at] = (into.values[at] ?? 0) + (products[at] ?? 0) * weight;
  }
}

function addLikelihoods(into: Affinity, q: Float64Array, c: Float64Array, width: number): void {
  if (width < 2) return;
  const energies = Float64Array.from({ length: into.size }, (_, j) => squares(c, j * width, width));
  const products = multiplyRows(q, c, into.size, width);
  for (let i = 0; i < into.size; i++) {
    const energy = squares(q, i * width, width);
    const isFull = !q.subarray(i * width, (i + 1) * width).includes(0);
    for (let j = 0; j < into.size; j++) {
      const at = i * into.size + j;
      const gain = isFull
        ? likelihood(products[at] ?? 0, energy * (energies[j] ?? 0), width)
        : sparseLikelihood(q, i * width, c, j * width, width, energy);
      into.values[at] = (into.values[at] ?? 0) + gain;
    }
  }
}

/** The likelihood on the query's support alone. */
function sparseLikelihood(
  q: Float64Array,
  qAt: number,
  c: Float64Array,
  cAt: number,
  width: number,
  energy: number,
): number {
  let sum = 0;
  let other = 0;
  let support = 0;
  for (let k = 0; k < width; k++) {
    const x = q[qAt + k] ?? 0;
    if (x === 0) continue;
    const y = c[cAt + k] ?? 0;
    sum += x * y;
    other += y * y;
    support += 1;
  }
  return likelihood(sum, energy * other, support);
}

/** Half the degrees of freedom times -log(1 - cosine squared), with the cosine's sign. */
function likelihood(product: number, energies: number, support: number): number {
  const cosine = energies > 0 ? Math.max(-1, Math.min(1, product / Math.sqrt(energies))) : 0;
  return Math.sign(cosine) * -0.5 * Math.max(0, support - 1) * Math.log(1 - cosine * cosine + LEAST_RESIDUAL);
}

function squares(values: Float64Array, at: number, length: number): number {
  let sum = 0;
  for (let k = at; k < at + length; k++) sum += (values[k] ?? 0) ** 2;
  return sum;
}
