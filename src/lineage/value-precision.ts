import type { Weights } from '../tensors/weights.ts';
import type { Ground } from './case.ts';
import { type Vector, vectorOf } from './comparison.ts';
import { halfUnit } from './grid.ts';
import type { Rounding } from './tolerance.ts';

/** An average of f32 weights is off by this, relative to the largest weight, when it was summed in f32. */
export const COMPUTED = 2e-6;

/** One over the rounding of every compared value, the finest being 1; undefined where all were rounded, or none. */
export function precisionOf(
  query: Weights,
  { comparison, roundings }: Pick<Ground, 'comparison' | 'roundings'>,
): Vector | undefined {
  const isMixed =
    comparison.names.some((name) => isRounded(roundings.get(name))) &&
    !comparison.names.every((name) => isRounded(roundings.get(name)));
  if (!isMixed) return undefined;
  const halves = new Map(
    [...query].map(([name, { shape, data }]) => [name, { shape, data: halvesOf(data, roundings.get(name)) }]),
  );
  const vector = vectorOf(halves, comparison);
  const finest = vector.reduce((least, half) => Math.min(least, half || least), Number.POSITIVE_INFINITY);
  return vector.map((half) => (half > 0 ? finest / half : 0));
}

const isRounded = (rounding: Rounding | undefined) => rounding?.halfSteps !== undefined || rounding?.grid !== undefined;

function halvesOf(data: Float32Array, rounding: Rounding | undefined): Float32Array {
  const largest = data.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
  return data.map((x, i) =>
    Math.max(rounding?.halfSteps?.[i] ?? 0, rounding?.grid ? halfUnit(rounding.grid, x) : 0, COMPUTED * largest),
  );
}
