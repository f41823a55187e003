import type { Weights } from '../tensors/weights.ts';

/** Rounding of f32 keeps even equal tensors this far apart, relative to their size: the logarithm needs a floor. */
const FLOOR = 6e-8 ** 2;

/**
 * Twice the negative log likelihood ratio of "the candidate plus Gaussian noise" against "unrelated values of the same size": the sum over
 * tensors of n ln(mean (q - c)^2 / mean q^2) on the query's support (lineage.md, A2). Every tensor has its own unknown noise, so neither
 * trimming nor masks are needed; smaller is better, and a tensor that the candidate lacks counts nothing.
 */
export function misfit(query: Weights, candidate: Weights, names: Iterable<string> = query.keys()): number {
  let total = 0;
  for (const name of names) {
    const a = query.get(name)?.data;
    const b = candidate.get(name)?.data;
    if (a && b && a.length === b.length) total += tensorMisfit(a, b);
  }
  return total;
}

function tensorMisfit(a: Float32Array, b: Float32Array): number {
  let n = 0;
  let residual = 0;
  let power = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0;
    if (x === 0) continue;
    const d = x - (b[i] ?? 0);
    if (d - d !== 0) continue;
    n++;
    residual += d * d;
    power += x * x;
  }
  return n === 0 || power === 0 ? 0 : n * Math.log(residual / power + FLOOR);
}

/** |q - c| / |c| and the cosine over the tensors both have, for people. */
export function nearness(
  query: Weights,
  candidate: Weights,
): { readonly relativeDistance: number; readonly cosine: number } {
  let difference = 0;
  let aa = 0;
  let bb = 0;
  let ab = 0;
  for (const [name, { data }] of query) {
    const other = candidate.get(name)?.data;
    if (!other || other.length !== data.length) continue;
    for (let i = 0; i < data.length; i++) {
      const x = data[i] ?? 0;
      const y = other[i] ?? 0;
      const d = x - y;
      if (d - d !== 0) continue;
      difference += d * d;
      aa += x * x;
      bb += y * y;
      ab += x * y;
    }
  }
  return {
    relativeDistance: bb > 0 ? Math.sqrt(difference / bb) : difference > 0 ? 1 : 0,
    cosine: aa > 0 && bb > 0 ? Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb))) : 0,
  };
}
