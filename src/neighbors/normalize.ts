import { invariant } from '../assert.ts';

/** Writes the vector divided by its length; all zeros when it has none, so that its cosine with everything is 0. */
export function normalizeInto(out: Float32Array, vector: Float32Array): void {
  invariant(out.length === vector.length, 'a vector is as long as the vectors of its index');
  let square = 0;
  for (let i = 0; i < vector.length; i += 1) square += (vector[i] ?? 0) ** 2;
  const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
  for (let i = 0; i < vector.length; i += 1) out[i] = (vector[i] ?? 0) * scale;
}

/** The vector at length one, in memory of its own. */
export function normalize(vector: Float32Array): Float32Array {
  const normalized = new Float32Array(vector.length);
  normalizeInto(normalized, vector);
  return normalized;
}
