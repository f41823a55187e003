import { toFloat32Bits } from './casts.ts';
import type { BlockType } from './codec.ts';

/**
 * Finds the factor by which floats were scaled before they were rounded to 8-bit integers: each pair bounds it between
 * (q - 1/2) / |x| and (q + 1/2) / |x|; the bounds that most pairs agree on are taken, tightest (largest code) first.
 *
 * @returns a f32 number, or `undefined` when no factor fits.
 */
export function fitInverseStep(
  plain: Uint8Array,
  base: Uint8Array,
  type: BlockType,
  baseType: BlockType,
): number | undefined {
  const codes = type === 'i8' ? new Int8Array(plain) : plain;
  const values = new Float32Array(toFloat32Bits(base, baseType).buffer);
  let product = 0;
  let square = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (!Number.isFinite(value)) continue;
    product += value * (codes[i] ?? 0);
    square += value * value;
  }
  const first = product / square;
  return Number.isFinite(first) && first > 0 ? narrowBounds(codes, values, first) : undefined;
}

/** Intersects the bounds of the pairs that the first guess explains within one code. */
function narrowBounds(codes: Int8Array | Uint8Array, values: Float32Array, first: number): number {
  let [low, high] = [first * 0.99, first * 1.01];
  for (let i = 0; i < values.length; i++) {
    const value = Math.abs(values[i] ?? 0);
    const code = Math.abs(codes[i] ?? 0);
    // The outermost codes hold what was clipped too.
    if (code === 0 || code >= 127 || !(value > 0)) continue;
    const [from, to] = [(code - 0.5) / value, (code + 0.5) / value];
    if (from <= high && to >= low) [low, high] = [Math.max(low, from), Math.min(high, to)];
  }
  return Math.fround((low + high) / 2);
}
