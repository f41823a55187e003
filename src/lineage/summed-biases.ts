import type { WeightArray, Weights } from '../tensors/weights.ts';

/** Rounding of a sum of two floats, and of the floats themselves, relative to the larger. */
const ROUNDING = 2 ** -22;
/** Shorter vectors are sums of others by chance. */
const LEAST_LENGTH = 8;

/**
 * Brings the biases of recurrent layers together where a framework keeps their sum (Keras, TensorFlow) and `candidate`, the other file, both: its tensors
 * with the sums in place of the ones that were paired; undefined when no vector of `query` is such a sum.
 *
 * @param unpaired tensors of the file with both biases that nothing in the one with the sums was paired with
 */
export function sumBiases(query: Weights, candidate: Weights, unpaired: readonly WeightArray[]): Weights | undefined {
  const summed = new Map(candidate);
  for (const [name, { data }] of query) {
    const one = candidate.get(name);
    if (!one || one.data.length !== data.length || one.shape.length !== 1 || data.length < LEAST_LENGTH) continue;
    const other = unpaired.find((tensor) => isSum(data, one.data, tensor.data));
    if (other) summed.set(name, { shape: one.shape, data: one.data.map((x, i) => x + (other.data[i] ?? 0)) });
  }
  const changed = [...summed].some(([name, tensor]) => candidate.get(name) !== tensor);
  return changed ? summed : undefined;
}

function isSum(sum: Float32Array, a: Float32Array, b: Float32Array): boolean {
  if (b.length !== sum.length || b.every((x) => x === 0)) return false;
  return sum.every((x, i) => {
    const [p, q] = [a[i] ?? 0, b[i] ?? 0];
    return Math.abs(x - p - q) <= ROUNDING * Math.max(Math.abs(p), Math.abs(q));
  });
}
