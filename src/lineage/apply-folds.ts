import type { WeightArray, Weights } from '../tensors/weights.ts';
import { noteFacts, tensorFacts } from './alterations.ts';
import { scaleOfNorm } from './fit-norm-scale.ts';
import { halfUnit } from './grid.ts';

/** One normalisation and the layer that it is folded into; the names are those of the file that has the normalisation. */
export interface FoldStep {
  readonly matrix: string;
  /** The layer's matrix in the folded file. */
  readonly folded: string;
  /** The axis of the output channels. */
  readonly axis: number;
  readonly norm: string;
  readonly variance: string;
  readonly gain?: string;
  readonly epsilon: number;
  readonly mean?: string;
  readonly offset?: string;
  /** The bias of the layer itself. */
  readonly bias?: string;
  /** Vectors of the normalisation, which are gone once it is folded. */
  readonly vectors: readonly string[];
}

/** How a file is folded to resemble another. */
export interface FoldPlan {
  readonly steps: readonly FoldStep[];
  /** ln of the number of ways that were tried, over all steps. */
  readonly logChoices: number;
}

/** A checkpoint with its normalisations folded as planned, under its own names; the bias has the layer's name, or that of the normalisation's own. */
export function applyFolds({ steps }: FoldPlan, plain: Weights): Weights {
  const weights = new Map(plain);
  for (const step of steps) {
    const matrix = plain.get(step.matrix);
    if (!matrix || !plain.has(step.variance)) continue;
    for (const name of step.vectors) weights.delete(name);
    weights.set(step.matrix, scaleMatrix(matrix, step, plain));
    const name = step.bias ?? step.offset ?? step.mean;
    if (name) weights.set(name, foldBias(step, plain));
  }
  return weights;
}

function scaleOf({ variance, gain, epsilon }: FoldStep, weights: Weights): Float64Array {
  return scaleOfNorm(dataOf(weights, variance), gain === undefined ? undefined : dataOf(weights, gain), epsilon);
}

const dataOf = (weights: Weights, name: string): Float32Array => weights.get(name)?.data ?? new Float32Array(0);

/** The bias that a fold leaves: (bias - mean) scale + offset. */
export function foldBias(step: FoldStep, plain: Weights): WeightArray {
  const scale = scaleOf(step, plain);
  const at = (name: string | undefined, k: number) => (name === undefined ? 0 : (plain.get(name)?.data[k] ?? 0));
  const off = (name: string | undefined, k: number) => errorAt(name === undefined ? undefined : plain.get(name), k);
  const moved = (k: number) => at(step.bias, k) - at(step.mean, k);
  const data = Float32Array.from(scale, (s, k) => moved(k) * s + at(step.offset, k));
  const tensor = { shape: [data.length], data };
  const carried = Float32Array.from(scale, (s, k) => {
    const ofTerms = (off(step.bias, k) + off(step.mean, k)) * Math.abs(s) + off(step.offset, k);
    return ofTerms + Math.abs(moved(k)) * scaleError(step, plain, k, s);
  });
  if (carried.some((x) => x > 0)) noteFacts(tensor, { ...tensorFacts(tensor), carried });
  return tensor;
}

function scaleMatrix(matrix: WeightArray, step: FoldStep, plain: Weights): WeightArray {
  const { shape, data } = matrix;
  const scale = scaleOf(step, plain);
  const inner = shape.slice(step.axis + 1).reduce((product, n) => product * n, 1);
  const channelOf = (i: number) => Math.floor(i / inner) % scale.length;
  const tensor = { shape, data: data.map((x, i) => x * (scale[channelOf(i)] ?? 1)) };
  const { lattice, grid, zeroCount } = tensorFacts(matrix);
  if (lattice) {
    const halfSteps = lattice.halfSteps.map((half, i) => half * Math.abs(scale[channelOf(i)] ?? 1));
    noteFacts(tensor, { zeroCount, lattice: { granularity: 'channel', halfSteps } });
  } else if (grid) {
    const errors = scale.map((s, k) => scaleError(step, plain, k, s));
    const errorOf = (x: number, k: number) =>
      halfUnit(grid, x) * Math.abs(scale[k] ?? 1) + Math.abs(x) * (errors[k] ?? 0);
    noteFacts(tensor, { zeroCount, carried: data.map((x, i) => errorOf(x, channelOf(i))) });
  }
  return tensor;
}

/** How far a value may be from what it was before its tensor was rounded to a coarser float type. */
function errorAt(tensor: WeightArray | undefined, k: number): number {
  const { grid } = tensor ? tensorFacts(tensor) : {};
  return grid ? halfUnit(grid, tensor?.data[k] ?? 0) : 0;
}

/** How far the scale of a channel may be off, by the rounding of gain and variance. */
function scaleError({ variance, gain }: FoldStep, plain: Weights, k: number, scale: number): number {
  const relative = (name: string | undefined) => {
    const tensor = name === undefined ? undefined : plain.get(name);
    const x = Math.abs(tensor?.data[k] ?? 0);
    return x > 0 ? errorAt(tensor, k) / x : 0;
  };
  return Math.abs(scale) * (relative(gain) + relative(variance) / 2);
}
