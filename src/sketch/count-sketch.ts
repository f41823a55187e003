import { sha256Hex } from '../bytes/sha256.ts';
import { SKETCH_LENGTH } from './summary.ts';

/** Buckets by hash: the lower half adds, the upper half subtracts, so that the sign costs nothing per element. */
const SIGNED_LENGTH = 2 * SKETCH_LENGTH;
const BUCKET_SHIFT = 32 - Math.log2(SIGNED_LENGTH);

/** Sums by bucket, in double precision. */
export type SketchSums = Float64Array;

/** Starts a count-sketch (Charikar, Chen and Farach-Colton, 2002): every element is added with a random sign to a random bucket. */
export function createSketchSums(): SketchSums {
  return new Float64Array(SIGNED_LENGTH);
}

/**
 * The seed of a family of tensors: those with one canonical shape share it, so that their names and order do not matter
 * and their sketches add.
 */
export function sketchSeed(family: string): number {
  return Number.parseInt(sha256Hex(family).slice(0, 8), 16) | 0;
}

/**
 * Adds `count` values from `from` on, whose canonical indexes are `indexes`. The hash is MurmurHash3's finaliser: its two
 * multiplications break the dependence between rows and columns that tables combined by XOR have.
 */
export function addValues(
  sums: SketchSums,
  seed: number,
  values: Float32Array,
  from: number,
  count: number,
  indexes: Int32Array,
): void {
  for (let i = 0; i < count; i += 1) {
    const hash = bucketOf(seed, indexes[i] ?? 0);
    sums[hash] = (sums[hash] ?? 0) + (values[from + i] ?? 0);
  }
}

/** The buckets that {@link addValues} adds the elements of these canonical indexes to. */
export function bucketsOf(seed: number, indexes: Int32Array): Uint16Array {
  const buckets = new Uint16Array(indexes.length);
  for (let i = 0; i < indexes.length; i += 1) buckets[i] = bucketOf(seed, indexes[i] ?? 0);
  return buckets;
}

function bucketOf(seed: number, index: number): number {
  let hash = index ^ seed;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> BUCKET_SHIFT;
}

/** Adds `scale` times other sums. */
export function addSums(to: SketchSums, sums: SketchSums, scale: number): void {
  for (let i = 0; i < to.length; i += 1) to[i] = (to[i] ?? 0) + scale * (sums[i] ?? 0);
}

/** Ends a sketch: SKETCH_LENGTH values. */
export function finishSketch(sums: SketchSums): Float32Array {
  const sketch = new Float32Array(SKETCH_LENGTH);
  for (let i = 0; i < SKETCH_LENGTH; i += 1) sketch[i] = (sums[i] ?? 0) - (sums[i + SKETCH_LENGTH] ?? 0);
  return sketch;
}
