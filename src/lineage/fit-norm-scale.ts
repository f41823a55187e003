import type { WeightArray } from '../tensors/weights.ts';

/** How well a normalisation's scale explains the channels of a layer. */
export interface FitOfScale {
  /** What the scale leaves of the channels' factors, squared, as a share of them. */
  readonly misfit: number;
  readonly epsilon: number;
  /** Whether it explains them, where leaving them as they are does not. */
  readonly isFold: boolean;
  /** Values of epsilon that were tried. */
  readonly tried: number;
}

/** What frameworks add to a variance. */
const EPSILONS = [1e-5, 1e-3, 1e-6, 1e-4, 1e-2, 2e-5, 1.001e-5, 1.1e-5, 1e-7, 1e-8, 1e-12, 0] as const;
/** Of the folded layer's square so much must be the layer's own, channel by channel. */
const LEAST_RESEMBLANCE = 0.5;
/** What the scale may leave of the factors, and of what one factor for all channels would leave. */
const MOST_MISFIT = 0.1;
const MOST_OF_UNSCALED = 0.25;

/** The factors that a normalisation applies to its channels: gain / sqrt(variance + epsilon). */
export function scaleOfNorm(variance: Float32Array, gain: Float32Array | undefined, epsilon: number): Float64Array {
  return Float64Array.from(variance, (v, k) => {
    const deviation = Math.sqrt(v + epsilon);
    return deviation > 0 ? (gain ? (gain[k] ?? 0) : 1) / deviation : 0;
  });
}

/**
 * Fits the scale of a normalisation to the factors by which the channels of one tensor lead to those of another: only epsilon is free. Where the other
 * was pruned what is zero there tells nothing, where it was rounded it does: both are tried.
 */
export function fitScale(
  plain: WeightArray,
  folded: WeightArray,
  axis: number,
  variance: Float32Array,
  gain: Float32Array | undefined,
): FitOfScale {
  const fits = [false, true].map((whereNotZero) => {
    return fitProducts(channelProducts(plain, folded, axis, whereNotZero), variance, gain);
  });
  const best = fits.reduce((a, b) => (b.misfit < a.misfit ? b : a));
  return { ...best, tried: fits.length * EPSILONS.length };
}

function fitProducts({ products, powers, square }: Products, variance: Float32Array, gain: Float32Array | undefined) {
  const explained = products.reduce((sum, product, k) => sum + (powers[k] ? product ** 2 / (powers[k] ?? 1) : 0), 0);
  const misfitOf = (scale: Float64Array) =>
    scale.reduce((sum, s, k) => {
      const [product, power] = [products[k] ?? 0, powers[k] ?? 0];
      return power > 0 ? sum + (product - s * power) ** 2 / power : sum;
    }, 0);
  let best = { misfit: Number.POSITIVE_INFINITY, epsilon: 0 };
  for (const epsilon of EPSILONS) {
    const misfit = misfitOf(scaleOfNorm(variance, gain, epsilon));
    if (misfit < best.misfit) best = { misfit, epsilon };
  }
  // Training may shrink or grow a layer as a whole: what a common factor explains is no fold.
  const sum = (values: Float64Array) => values.reduce((total, x) => total + x, 0);
  const unscaled = misfitOf(new Float64Array(products.length).fill(sum(products) / Math.max(sum(powers), 1e-300)));
  const isFold =
    explained >= LEAST_RESEMBLANCE * square &&
    best.misfit < MOST_MISFIT * explained &&
    best.misfit < MOST_OF_UNSCALED * unscaled;
  return { misfit: best.misfit / explained, epsilon: best.epsilon, isFold };
}

interface Products {
  readonly products: Float64Array;
  readonly powers: Float64Array;
  readonly square: number;
}

/** Inner products of the channels with each other, and of the first with themselves. */
function channelProducts(
  { shape, data }: WeightArray,
  folded: WeightArray,
  axis: number,
  whereNotZero: boolean,
): Products {
  const channels = shape[axis] ?? 1;
  const inner = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  const products = new Float64Array(channels);
  const powers = new Float64Array(channels);
  let square = 0;
  for (let i = 0; i < data.length; i++) {
    const [k, x, y] = [Math.floor(i / inner) % channels, data[i] ?? 0, folded.data[i] ?? 0];
    if (!Number.isFinite(x * y) || (whereNotZero && y === 0)) continue;
    products[k] = (products[k] ?? 0) + x * y;
    powers[k] = (powers[k] ?? 0) + x * x;
    square += y * y;
  }
  return { products, powers, square };
}
