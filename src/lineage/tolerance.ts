import type { Weights } from '../tensors/weights.ts';
import type { TensorFacts } from './alterations.ts';
import { type Grid, gridTolerance, halfUnit } from './grid.ts';

/** Two roundings of f32 on either side: a cast there and back, a scale applied and removed. */
const F32_SLACK = 4 * 6e-8;
/** A lattice's half step, with room for the rounding of the scale itself. */
const HALF_STEP_SLACK = 1.001;
/** Below this a tensor is too small for its lattice to be seen, although its file is quantised. */
const LEAST_FOR_LATTICE = 32;
/** Share of a tensor's values that must agree for it to be the same tensor (lineage.md, A2 step 6). */
const EXACT_SHARE = 0.98;

/**
 * Values that were computed again (by another library, from a seed, through another order of the same operations) differ by the rounding of f32 where
 * the terms are as large as the largest value: relative to that.
 */
export const COMPUTED_AGAIN = F32_SLACK;

/** Values that went through an alignment were multiplied and divided: relative to the largest. */
export const COMPUTED_BY_ALIGNMENT = 3e-5;

/** How far a value may be from its original, given what its tensor and its file were put through. */
export interface Rounding {
  readonly grid?: Grid;
  readonly halfSteps?: Float32Array;
  /** Relative to the largest value: int8 of a tensor too small to show its lattice. */
  readonly assumed: number;
  /** Added for values that were computed (averaged, rescaled), relative to the largest value. */
  readonly computed: number;
  /** Added as it is: what the underflow of a block's scale may have moved a value. */
  readonly absolute?: number;
}

/** The rounding of every tensor of a file: its own grid and lattice, and what the rest of the file implies where it is too small to show them. */
export function roundings(
  facts: ReadonlyMap<string, TensorFacts>,
  weights: Weights,
  computed: number,
): Map<string, Rounding> {
  const quantized = [...facts.values()].some((f) => f.lattice);
  const common = [...facts.values()].find((f) => f.grid)?.grid;
  const entries = [...facts].map(([name, f]): [string, Rounding] => {
    const small = (weights.get(name)?.data.length ?? 0) < LEAST_FOR_LATTICE;
    const grid = f.grid ?? (small ? common : undefined);
    const assumed = quantized && !f.lattice && small ? 1 / 254 : 0;
    return [
      name,
      {
        ...(grid ? { grid } : {}),
        ...(f.lattice ? { halfSteps: f.lattice.halfSteps } : f.carried ? { halfSteps: f.carried } : {}),
        ...(f.scaleUnderflow ? { absolute: f.scaleUnderflow } : {}),
        assumed,
        computed,
      },
    ];
  });
  return new Map(entries);
}

/** How many compared values agree within the rounding, and of how many. */
export interface Agreement {
  readonly agreed: number;
  readonly compared: number;
}

/** How far the value at a place may be from its original, from that original; `values` are all of the tensor's, for what is relative to the largest. */
export function toleranceOf(rounding: Rounding, values: Float32Array): (original: number, index: number) => number {
  const constant = 1e-12 + (rounding.absolute ?? 0) + (rounding.assumed + rounding.computed) * largestOf(values);
  const { grid, halfSteps } = rounding;
  return (original, index) => {
    const ofGrid = grid ? gridTolerance(grid, original) : 0;
    return constant + Math.abs(original) * F32_SLACK + ofGrid + (halfSteps?.[index] ?? 0) * HALF_STEP_SLACK;
  };
}

/** Counts the values of a tensor that are the original's up to rounding; `shift` compares with the value so many places on, for chance. */
export function countAgreement(
  query: Float32Array,
  candidate: Float32Array,
  rounding: Rounding,
  mask?: Uint8Array,
  shift = 0,
): Agreement {
  const n = query.length;
  const tolerance = toleranceOf(rounding, candidate);
  let agreed = 0;
  let compared = 0;
  for (let i = 0; i < n; i++) {
    if (mask && mask[i] === 0) continue;
    compared++;
    const c = candidate[shift === 0 ? i : (i + shift) % n] ?? 0;
    const q = query[i] ?? 0;
    if (Math.abs(q - c) <= tolerance(c, i) || (Number.isNaN(q) && Number.isNaN(c)) || q === c) agreed++;
  }
  return { agreed, compared };
}

function largestOf(data: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) {
    const x = Math.abs(data[i] ?? 0);
    if (x > largest && x !== Number.POSITIVE_INFINITY) largest = x;
  }
  return largest;
}

/** True when 98 % of the values agree; one may always sit on a boundary, or a tensor of twenty would have to agree in all. */
export function isExact({ agreed, compared }: Agreement): boolean {
  return agreed >= EXACT_SHARE * compared - 1;
}

/**
 * Energy of q - m over that of half the spacing which q was rounded to. Rounding alone makes it 1/3, give or take `spread`; undefined where nothing was rounded.
 */
export function roundingResidual(
  query: Weights,
  original: Weights,
  rules: ReadonlyMap<string, Rounding>,
  masks: ReadonlyMap<string, Uint8Array>,
): { readonly ratio: number; readonly spread: number } | undefined {
  let sum = 0;
  let halves = 0;
  let squares = 0;
  for (const [name, { halfSteps, grid }] of rules) {
    const a = query.get(name)?.data;
    const b = original.get(name)?.data;
    const mask = masks.get(name);
    if ((!halfSteps && !grid) || !a || !b) continue;
    for (let i = 0; i < a.length; i++) {
      const half = (halfSteps?.[i] ?? 0) || (grid ? halfUnit(grid, a[i] ?? 0) : 0);
      if (half === 0 || (mask && mask[i] === 0)) continue;
      sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
      halves += half * half;
      squares += half ** 4;
    }
  }
  // The square of a uniform variable on (-1, 1) has variance 4/45.
  return halves > 0 ? { ratio: sum / halves, spread: Math.sqrt((4 / 45) * squares) / halves } : undefined;
}
