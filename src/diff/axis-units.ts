import { logFactorial } from '../symmetry/tails.ts';
import type { WeightArray } from '../tensors/weights.ts';

/** Which units of the longer of two axes the shorter one has: place k of the shorter one is place `kept[k]` of the longer one. */
export interface AxisUnits {
  readonly axis: number;
  /** The side whose axis is longer. */
  readonly larger: 'query' | 'candidate';
  /** Length of the longer axis. */
  readonly size: number;
  readonly kept: Uint32Array;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** The first `count` of `size` units. */
export function firstUnits(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, k) => k);
}

/** Whether units were cut off, or added, at the end. */
export function isAtEnd({ kept }: Pick<AxisUnits, 'kept'>): boolean {
  return kept.every((place, k) => place === k);
}

/** Whether units kept their order. */
export function isInOrder({ kept }: Pick<AxisUnits, 'kept'>): boolean {
  return kept.every((place, k) => k === 0 || place > (kept[k - 1] ?? 0));
}

/** ln of the number of ways to choose so many units: in their order, or in any. */
export function logSelections(size: number, kept: Uint32Array): number {
  if (isAtEnd({ kept })) return 0;
  const any = logFactorial(size) - logFactorial(size - kept.length);
  return isInOrder({ kept }) ? any - logFactorial(kept.length) : any;
}

/** Takes the given places of one axis. */
export function takeUnits({ shape, data }: WeightArray, axis: number, places: Uint32Array): WeightArray {
  const before = sizeOf(shape.slice(0, axis));
  const after = sizeOf(shape.slice(axis + 1));
  const size = shape[axis] ?? 1;
  const taken = new Float32Array(before * places.length * after);
  let at = 0;
  for (let b = 0; b < before; b++) {
    for (let k = 0; k < places.length; k++) {
      const start = (b * size + (places[k] ?? 0)) * after;
      if (after === 1) taken[at] = data[start] ?? 0;
      else taken.set(data.subarray(start, start + after), at);
      at += after;
    }
  }
  return { shape: shape.map((n, i) => (i === axis ? places.length : n)), data: taken };
}

/** What one of two tensors has in common with the other, in axes of equal lengths. */
export function cutToCommon(tensor: WeightArray, side: 'query' | 'candidate', axes: readonly AxisUnits[]): WeightArray {
  return axes.reduce((cut, { axis, larger, kept }) => (larger === side ? takeUnits(cut, axis, kept) : cut), tensor);
}
