import type { WeightArray } from '../tensors/weights.ts';
import { takeUnits } from './axis-units.ts';

/** Share of a unit's energy that combinations of others may leave: half precision on either side, and no training. */
const MOST_LEFT = 1e-3;
/** Units of the longer axis that are looked at. */
const ASKED = 16;
/** Of a space of so many dimensions, units that span more than half explain too much by themselves. */
const MOST_SPANNED = 0.5;
/** Products of values that are formed at most. */
const MOST_PRODUCTS = 1 << 29;

/**
 * Whether all units of the longer axis are combinations of those of the shorter one: a table of positions that was interpolated for longer sequences or
 * larger images. Units that were pruned away are no combinations of those that stayed.
 */
export function isInterpolated(longer: WeightArray, shorter: WeightArray, axis: number): boolean {
  const [size, count] = [longer.shape[axis] ?? 0, shorter.shape[axis] ?? 0];
  const width = shorter.data.length / Math.max(count, 1);
  if (size <= count || count < 2 || count > MOST_SPANNED * width || longer.data.length / size !== width) return false;
  if (count * count * width > MOST_PRODUCTS) return false;
  const basis = basisOf(Array.from({ length: count }, (_, place) => unitAt(shorter, axis, place)));
  const step = Math.max(1, Math.floor(size / ASKED));
  for (let place = 0; place < size; place += step) {
    const unit = unitAt(longer, axis, place);
    if (energyOf(withoutBasis(unit, basis)) > MOST_LEFT * energyOf(unit)) return false;
  }
  return true;
}

function unitAt(tensor: WeightArray, axis: number, place: number): Float64Array {
  return Float64Array.from(takeUnits(tensor, axis, Uint32Array.of(place)).data);
}

/** Orthonormal vectors of the same span, by Gram and Schmidt. */
function basisOf(units: readonly Float64Array[]): readonly Float64Array[] {
  const basis: Float64Array[] = [];
  for (const unit of units) {
    const rest = withoutBasis(unit, basis);
    const norm = Math.sqrt(energyOf(rest));
    if (norm > 1e-6 * Math.sqrt(energyOf(unit))) basis.push(rest.map((x) => x / norm));
  }
  return basis;
}

function withoutBasis(unit: Float64Array, basis: readonly Float64Array[]): Float64Array {
  const rest = unit.slice();
  for (const direction of basis) {
    let along = 0;
    for (let i = 0; i < rest.length; i++) along += (rest[i] ?? 0) * (direction[i] ?? 0);
    for (let i = 0; i < rest.length; i++) rest[i] = (rest[i] ?? 0) - along * (direction[i] ?? 0);
  }
  return rest;
}

function energyOf(values: Float64Array): number {
  let energy = 0;
  for (const x of values) energy += x * x;
  return energy;
}
