import type { ChannelFactors } from './folded-factors.ts';
import { isExact, type Rounding, toleranceOf } from './tolerance.ts';

/** A vector of a checkpoint, with the module that it belongs to. */
export interface Vector {
  readonly name: string;
  readonly module: string;
  readonly data: Float32Array;
}

/** A normalisation with stored statistics whose scale explains a layer's factors: factor = gain / sqrt(variance + epsilon). */
export interface FoldedNorm {
  readonly module: string;
  readonly scale: Float64Array;
  /** How far each scale may be off. */
  readonly errors: Float64Array;
  /** Its vectors beside gain and variance: mean and offset in either order. */
  readonly others: readonly Vector[];
}

/** Single operations of f32 round by this much; a fold takes a few of them. */
const ULP = 2 ** -24;
const OPERATIONS = 8;
const ONES = (length: number) => new Float32Array(length).fill(1);

/**
 * Looks for the normalisation of which one and the same epsilon explains every channel: each channel's factor, known within its error, leaves an
 * interval for epsilon, and the intervals must meet. Undefined when there is none.
 *
 * @param vectors all of one length, the number of channels
 */
export function findFoldedNorm(
  { factors, errors }: ChannelFactors,
  vectors: readonly Vector[],
): FoldedNorm | undefined {
  for (const variance of vectors) {
    if (variance.data.some((v) => !(v >= 0))) continue;
    const siblings = vectors.filter(({ module, name }) => module === variance.module && name !== variance.name);
    const gains = [...siblings, undefined];
    for (const gain of gains) {
      const gainValues = gain?.data ?? ONES(variance.data.length);
      const epsilon = commonEpsilon(factors, errors, gainValues, variance.data);
      if (epsilon === undefined) continue;
      const others = siblings.filter((vector) => vector !== gain);
      return { module: variance.module, others, ...scaleOf(gainValues, variance.data, epsilon) };
    }
  }
  return undefined;
}

interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The epsilons that every channel allows; undefined when there is none, or when no channel says anything. */
function commonEpsilon(
  factors: Float64Array,
  errors: Float64Array,
  gain: Float32Array,
  variance: Float32Array,
): Interval | undefined {
  let [low, high] = [0, Number.POSITIVE_INFINITY];
  for (const [k, factor] of factors.entries()) {
    const [g, v] = [gain[k] ?? 0, variance[k] ?? 0];
    const error = (errors[k] ?? 0) + OPERATIONS * ULP * Math.abs(factor);
    // A channel that says nothing: no weights, or no gain.
    if (!Number.isFinite(factor) || (g === 0 && Math.abs(factor) <= error)) continue;
    if (g * factor <= 0) return undefined;
    const size = Math.abs(factor);
    low = Math.max(low, (g / (size + error)) ** 2 - v - OPERATIONS * ULP * v);
    if (size > error) high = Math.min(high, (g / (size - error)) ** 2 - v + OPERATIONS * ULP * v);
    if (low > high) return undefined;
  }
  return Number.isFinite(high) ? { low, high } : undefined;
}

function scaleOf(gain: Float32Array, variance: Float32Array, { low, high }: Interval) {
  const scaleAt = (k: number, epsilon: number) => (gain[k] ?? 0) / Math.sqrt((variance[k] ?? 0) + epsilon);
  const scale = Float64Array.from(gain, (_, k) => scaleAt(k, (low + high) / 2));
  const errors = scale.map((s, k) => Math.abs(scaleAt(k, low) - scaleAt(k, high)) + OPERATIONS * ULP * Math.abs(s));
  return { scale, errors };
}

/**
 * The bias that folding leaves, (bias - mean) scale + offset, when a vector is that within its rounding, whichever of the normalisation's vectors is its
 * mean and which its offset.
 *
 * @param biases of the layer itself; it may have none
 */
export function explainBias(
  own: Float32Array,
  rule: Rounding,
  { scale, errors, others }: FoldedNorm,
  biases: readonly Float32Array[],
): Float32Array | undefined {
  const vectors = [...others.map(({ data }) => data), undefined];
  const tolerance = toleranceOf(rule, own);
  for (const bias of [...biases, undefined]) {
    for (const mean of vectors) {
      for (const offset of vectors) {
        if (mean === offset && mean !== undefined) continue;
        const folded = own.map((_, k) => ((bias?.[k] ?? 0) - (mean?.[k] ?? 0)) * (scale[k] ?? 0) + (offset?.[k] ?? 0));
        const reach = (k: number) => {
          const moved = Math.abs(bias?.[k] ?? 0) + Math.abs(mean?.[k] ?? 0);
          const terms = moved * Math.abs(scale[k] ?? 0) + Math.abs(offset?.[k] ?? 0);
          return moved * (errors[k] ?? 0) + OPERATIONS * ULP * terms;
        };
        const within = (x: number, k: number) => Math.abs(x - (folded[k] ?? 0)) <= tolerance(x, k) + reach(k);
        const agreed = own.reduce((count, x, k) => count + (within(x, k) ? 1 : 0), 0);
        if (isExact({ agreed, compared: own.length })) return folded;
      }
    }
  }
  return undefined;
}
