import type { WeightArray, Weights } from '../tensors/weights.ts';
import type { TensorFacts } from './alterations.ts';
import { type Grid, gridSpacing, gridTolerance, halfUnit, isOnGrid } from './grid.ts';
import { isOfOneSize, mayBeOnLattice } from './lattice.ts';

/** Two roundings of f32 on either side: a cast there and back, a scale applied and removed. */
const F32_SLACK = 4 * 6e-8;
/** A lattice's half step, with room for the rounding of the scale itself. */
const HALF_STEP_SLACK = 1.001;
/** Levels that the largest value of a tensor may lie nearer to zero than that of another, with as many levels in all: zero lies on a level. */
const SHIFTED_LEVELS = 0.55;
/** Below this a tensor is too small for its lattice to be seen, although its file is quantised. */
const LEAST_FOR_LATTICE = 32;
/** Half a step of eight bits, relative to the largest value. */
const EIGHT_BITS = 1 / 254;
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
  /** 1 where the value is the highest of its lattice, -1 where the lowest: what lay beyond was clipped to it. */
  readonly ends?: Int8Array;
  /** Relative to the largest value: half the step of a tensor that does not show its lattice, by those of the others. */
  readonly assumed: number;
  /** Added for values that were computed (averaged, rescaled), relative to the largest value. */
  readonly computed: number;
  /** Added as it is: what the underflow of a block's scale may have moved a value. */
  readonly absolute?: number;
}

type Facts = ReadonlyMap<string, TensorFacts>;

interface Known {
  readonly weights: Weights;
  readonly computed: number;
  readonly rules: ReadonlyMap<string, Rounding>;
}

/** Of a query that is asked about: several steps of one question need the same. */
const known = new WeakMap<Facts, Known[]>();

/** The rounding of every tensor of a file: its own grid and lattice, and what the rest of the file implies where it is too small to show them. */
export function roundings(facts: Facts, weights: Weights, computed: number): ReadonlyMap<string, Rounding> {
  const list = known.get(facts) ?? [];
  const found = list.find((one) => one.weights === weights && one.computed === computed);
  if (found !== undefined) return found.rules;
  const rules = readRoundings(facts, weights, computed);
  known.set(facts, [...list, { weights, computed, rules }]);
  return rules;
}

function readRoundings(facts: Facts, weights: Weights, computed: number): ReadonlyMap<string, Rounding> {
  const step = coarsestStep(facts, weights);
  const common = [...facts.values()].find((f) => f.grid)?.grid;
  const plain: Rounding = { assumed: 0, computed };
  const rules = new Map<string, Rounding>();
  for (const [name, f] of facts) {
    const tensor = weights.get(name);
    const data = tensor?.data ?? NONE;
    const small = data.length < LEAST_FOR_LATTICE;
    const grid = f.grid ?? (common && (small || isOnGrid(common, data)) ? common : undefined);
    const assumed = f.lattice ? 0 : assumedStep(tensor, small, step, f.grid);
    if (grid === undefined && assumed === 0 && !f.lattice && !f.carried && !f.scaleUnderflow) {
      rules.set(name, plain);
      continue;
    }
    const { ends, ...rest } = latticeOf(f);
    // Whatever is multiplied until it lies beyond the last level would pass for clipped.
    const clipped = ends && computed < COMPUTED_BY_ALIGNMENT ? { ends } : {};
    rules.set(name, { ...(grid ? { grid } : {}), ...rest, ...clipped, assumed, computed });
  }
  return rules;
}

const NONE = new Float32Array(0);

function latticeOf({ lattice, carried, scaleUnderflow }: TensorFacts): Partial<Rounding> {
  return {
    ...(lattice ? { halfSteps: lattice.halfSteps } : carried ? { halfSteps: carried } : {}),
    ...(lattice?.ends ? { ends: lattice.ends } : {}),
    ...(scaleUnderflow ? { absolute: scaleUnderflow } : {}),
  };
}

/** Half the coarsest step of a file's lattices, relative to the largest value of the tensor; 0 where there is none. */
function coarsestStep(facts: ReadonlyMap<string, TensorFacts>, weights: Weights): number {
  let coarsest = 0;
  for (const [name, { lattice }] of facts) {
    if (lattice === undefined) continue;
    const largest = largestOf(weights.get(name)?.data ?? NONE);
    if (largest > 0) coarsest = Math.max(coarsest, largestOf(lattice.halfSteps) / largest);
  }
  const levels = coarsest > 0 ? 1 / (2 * coarsest) : Number.POSITIVE_INFINITY;
  return 1 / (2 * Math.max(1, levels - SHIFTED_LEVELS));
}

/** Half the step that a tensor without a lattice may have been rounded to: that of the others where it may lie on one so coarse. */
function assumedStep(tensor: WeightArray | undefined, isSmall: boolean, step: number, grid?: Grid): number {
  if (step === 0 || !tensor || !(isSmall || isOfOneSize(tensor.data))) return 0;
  return tensor.shape.length > 1 || mayBeOnLattice(tensor.data, gridSpacing(grid)) ? step : Math.min(step, EIGHT_BITS);
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

/**
 * Counts the values of a tensor that are the original's up to rounding, until more than `mostMissed` are not; `shift` compares with the value so many
 * places on, for chance.
 */
export function countAgreement(
  query: Float32Array,
  candidate: Float32Array,
  rounding: Rounding,
  mask?: Uint8Array,
  shift = 0,
  mostMissed = Number.POSITIVE_INFINITY,
): Agreement {
  const n = query.length;
  const tolerance = toleranceOf(rounding, candidate);
  const { ends } = rounding;
  let agreed = 0;
  let compared = 0;
  for (let i = 0; i < n && compared - agreed <= mostMissed; i++) {
    if (mask && mask[i] === 0) continue;
    compared++;
    const c = candidate[shift === 0 ? i : (i + shift) % n] ?? 0;
    const q = query[i] ?? 0;
    const isClipped = ends !== undefined && (c - q) * (ends[i] ?? 0) > 0;
    if (isClipped || Math.abs(q - c) <= tolerance(c, i) || (Number.isNaN(q) && Number.isNaN(c)) || q === c) agreed++;
  }
  return { agreed, compared };
}

/** Whether 98 % of the compared values agree; as soon as too many do not, the rest is not looked at. */
export function agrees(query: Float32Array, candidate: Float32Array, rounding: Rounding, mask?: Uint8Array): boolean {
  const mostMissed = (1 - EXACT_SHARE) * query.length + 1;
  return isExact(countAgreement(query, candidate, rounding, mask, 0, mostMissed));
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
