import type { WeightArray } from '../tensors/weights.ts';
import { isExact, type Rounding, toleranceOf } from './tolerance.ts';

/** The factors by which the channels of one tensor were multiplied to make another. */
export interface ChannelFactors {
  /** NaN for a channel that is zero throughout. */
  readonly factors: Float64Array;
  /** How far each factor may be from the one that was used: what the rounding of the values it is read off allows. */
  readonly errors: Float64Array;
  readonly axis: number;
}

/** Output channels: the first axis; of transposed convolutions the second. */
const CHANNEL_AXES = [0, 1] as const;

/** Finds whether a tensor is another with each channel multiplied by a factor, within its rounding; undefined when it is not. */
export function findChannelFactors(own: WeightArray, plain: WeightArray, rule: Rounding): ChannelFactors | undefined {
  if (own.data.length !== plain.data.length || own.shape.length < 2) return undefined;
  const axes = CHANNEL_AXES.slice(0, own.shape.length > 2 ? 2 : 1);
  for (const axis of axes) {
    const found = fitFactors(own, plain, rule, axis);
    if (found) return found;
  }
  return undefined;
}

/** Calls back for every element with the number of its channel. */
function channelOf(shape: readonly number[], axis: number): (index: number) => number {
  const channels = shape[axis] ?? 1;
  const inner = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  return (index) => Math.floor(index / inner) % channels;
}

function fitFactors(own: WeightArray, plain: WeightArray, rule: Rounding, axis: number): ChannelFactors | undefined {
  const channels = own.shape[axis] ?? 1;
  const at = channelOf(own.shape, axis);
  const products = new Float64Array(channels);
  const powers = new Float64Array(channels);
  const errors = new Float64Array(channels);
  const tolerance = toleranceOf(rule, own.data);
  own.data.forEach((x, i) => {
    const [k, y] = [at(i), plain.data[i] ?? 0];
    products[k] = (products[k] ?? 0) + x * y;
    powers[k] = (powers[k] ?? 0) + y * y;
    errors[k] = (errors[k] ?? 0) + tolerance(x, i) * Math.abs(y);
  });
  const factors = products.map((product, k) => product / (powers[k] ?? 0));
  errors.forEach((sum, k) => {
    errors[k] = sum / (powers[k] ?? 0);
  });
  const agreed = countWithin(own, plain, (x, y, i) => {
    const k = at(i);
    if (y === 0) return Math.abs(x) <= tolerance(x, i);
    return Math.abs(x - (factors[k] ?? 0) * y) <= tolerance(x, i) + (errors[k] ?? 0) * Math.abs(y);
  });
  return isExact({ agreed, compared: own.data.length }) ? { factors, errors, axis } : undefined;
}

function countWithin(a: WeightArray, b: WeightArray, test: (x: number, y: number, i: number) => boolean): number {
  let count = 0;
  a.data.forEach((x, i) => {
    if (test(x, b.data[i] ?? 0, i)) count++;
  });
  return count;
}

/** The tensor with its channels multiplied. */
export function scaleChannels({ shape, data }: WeightArray, { factors, axis }: ChannelFactors): WeightArray {
  const at = channelOf(shape, axis);
  return { shape, data: data.map((x, i) => (x === 0 ? 0 : x * (factors[at(i)] ?? 0))) };
}

/** True when no channel was multiplied by anything but one. */
export function areOnes({ factors, errors }: ChannelFactors): boolean {
  return factors.every((factor, k) => Number.isNaN(factor) || Math.abs(factor - 1) <= (errors[k] ?? 0));
}
