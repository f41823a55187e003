import { invariant } from '../assert.ts';

/** Euclidean distance of two sketches: estimates the distance of what they are sketches of. */
export function sketchDistance(a: Float32Array, b: Float32Array): number {
  invariant(a.length === b.length, 'sketches that are compared are equally long');
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return Math.sqrt(sum);
}

/** Cosine of the angle between two sketches; 0 when one of them is all zero. */
export function sketchCosine(a: Float32Array, b: Float32Array): number {
  invariant(a.length === b.length, 'sketches that are compared are equally long');
  let product = 0;
  let squareA = 0;
  let squareB = 0;
  for (let i = 0; i < a.length; i += 1) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  const scale = Math.sqrt(squareA) * Math.sqrt(squareB);
  return scale === 0 ? 0 : product / scale;
}
