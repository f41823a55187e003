import { dotAt, keepBest } from './exact-index.ts';
import type { Neighbor } from './neighbor-index.ts';
import { normalizeInto } from './normalize.ts';

/** Vectors of one length in one array, where they stand: what is read from a file is searched without being copied. */
export interface VectorRows {
  readonly values: Float32Array;
  readonly keys: readonly string[];
  /** Place of the first value of each vector. */
  readonly starts: ArrayLike<number>;
  /** Euclidean length of each vector, none of them 0. */
  readonly lengths: ArrayLike<number>;
}

/** Puts vectors one after the other, as {@link searchRows} wants them; those without a length are left out. */
export function packRows(vectors: ReadonlyMap<string, Float32Array>): VectorRows {
  const kept = [...vectors].map(([key, vector]) => ({ key, vector, length: lengthOf(vector) })).filter(isLong);
  const dimension = kept[0]?.vector.length ?? 0;
  const values = new Float32Array(kept.length * dimension);
  kept.forEach(({ vector }, i) => {
    values.set(vector, i * dimension);
  });
  return {
    values,
    keys: kept.map(({ key }) => key),
    starts: kept.map((_, i) => i * dimension),
    lengths: kept.map(({ length }) => length),
  };
}

const isLong = ({ length }: { readonly length: number }): boolean => length > 0 && Number.isFinite(length);

/** Euclidean length of a vector. */
export function lengthOf(vector: Float32Array): number {
  let square = 0;
  for (let i = 0; i < vector.length; i += 1) square += (vector[i] ?? 0) ** 2;
  return Math.sqrt(square);
}

/** The `k` most similar rows, best first, by comparison with all; of equal ones the first. */
export function searchRows(rows: VectorRows, query: Float32Array, k: number): readonly Neighbor[] {
  const unit = unitOf(query);
  return keepLargest(rows.keys, (i) => dotAt(rows.values, rows.starts[i] ?? 0, unit) / (rows.lengths[i] ?? 1), k);
}

/** A vector of the same direction and of length one. */
export function unitOf(query: Float32Array): Float32Array {
  const unit = new Float32Array(query.length);
  normalizeInto(unit, query);
  return unit;
}

/** The `k` keys with the largest cosines, best first; of equal ones the first. Keys without a cosine are passed over. */
export function keepLargest(
  keys: readonly string[],
  cosineOf: (place: number) => number | undefined,
  k: number,
): readonly Neighbor[] {
  const best: Neighbor[] = [];
  let worst = Number.NEGATIVE_INFINITY;
  for (const [i, key] of keys.entries()) {
    const cosine = cosineOf(i);
    if (cosine === undefined || k <= 0 || (best.length >= k && cosine <= worst)) continue;
    keepBest(best, { key, cosine }, k);
    worst = best.at(-1)?.cosine ?? worst;
  }
  return best;
}
