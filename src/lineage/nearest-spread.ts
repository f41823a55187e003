import { spreadsOf } from '../sketch/spreads.ts';
import type { Summary, TensorSpread } from '../sketch/summary.ts';
import { groupBy } from '../symmetry/group-by.ts';

/** Of more tensors of one shape some are asked, evenly spread: files have up to a hundred thousand. */
const MOST_OF_A_SHAPE = 256;
/** More tensors of one shape than this are looked for by their standard deviation. */
const FEW = 64;
/** The most that two tensors are apart. */
const FARTHEST = 10;
/** What a difference of logarithms may be off by from the logarithm of a quotient. */
const ROUNDING = 1e-9;

/** Tells how far the tensors of another checkpoint are from the most similar ones of this. */
export interface NearestSpread {
  /** Mean distance of ln standard deviation and kurtosis between each tensor and the most similar one of its shape. */
  distanceTo(other: Summary): number;
}

/** Groups the tensors of a checkpoint. */
export const byShape = (tensors: readonly TensorSpread[]): ReadonlyMap<string, readonly TensorSpread[]> =>
  groupBy(tensors, ({ shape }) => shape);

/** How far the statistics of two tensors are apart; 10 at most. */
export function statisticDistance(a: TensorSpread, b: TensorSpread): number {
  const spread = Math.abs(Math.log(a.standardDeviation / b.standardDeviation));
  const shift = Math.abs(a.mean - b.mean) / Math.max(a.standardDeviation, b.standardDeviation);
  return Math.min(spread + shift + 0.1 * Math.abs(a.kurtosis - b.kurtosis), FARTHEST);
}

/** Tensors of one shape by rising standard deviation, and its logarithms. */
interface Sorted {
  readonly tensors: readonly TensorSpread[];
  readonly logs: Float64Array;
}

/** Prepares the tensors of one checkpoint for the comparison with several others. */
export function createNearestSpread(own: ReadonlyMap<string, readonly TensorSpread[]>): NearestSpread {
  const sorted = new Map<string, Sorted | undefined>();
  const leastTo = (tensor: TensorSpread, options: readonly TensorSpread[]): number => {
    if (!sorted.has(tensor.shape)) sorted.set(tensor.shape, options.length > FEW ? sortOptions(options) : undefined);
    const known = sorted.get(tensor.shape);
    return known === undefined || !isRegular(tensor) ? leastOf(tensor, options) : leastOfSorted(tensor, known);
  };
  return {
    distanceTo(other) {
      let total = 0;
      let count = 0;
      for (const tensor of askedOf(spreadsOf(other))) {
        const options = own.get(tensor.shape);
        if (options === undefined) continue;
        total += leastTo(tensor, options);
        count++;
      }
      return count > 0 ? total / count : Number.POSITIVE_INFINITY;
    },
  };
}

/** The tensors that are asked. */
function askedOf(spreads: readonly TensorSpread[]): readonly TensorSpread[] {
  if (spreads.length <= MOST_OF_A_SHAPE) return spreads;
  return [...byShape(spreads).values()].flatMap((tensors) => {
    const step = Math.ceil(tensors.length / MOST_OF_A_SHAPE);
    return tensors.filter((_, i) => i % step === 0);
  });
}

function leastOf(tensor: TensorSpread, options: readonly TensorSpread[]): number {
  let least = FARTHEST;
  for (const option of options) least = Math.min(least, statisticDistance(option, tensor));
  return least;
}

/** Numbers, and a standard deviation that has a logarithm. */
function isRegular({ mean, standardDeviation, kurtosis }: TensorSpread): boolean {
  return standardDeviation > 0 && Number.isFinite(standardDeviation + mean + kurtosis);
}

/** Undefined where some have no place in the order. */
function sortOptions(options: readonly TensorSpread[]): Sorted | undefined {
  if (!options.every(isRegular)) return undefined;
  const deviations = Float64Array.from(options, ({ standardDeviation }) => standardDeviation);
  const order = Uint32Array.from(options.keys()).sort((a, b) => (deviations[a] ?? 0) - (deviations[b] ?? 0));
  return {
    tensors: Array.from(order, (i) => options[i]).filter((option) => option !== undefined),
    logs: Float64Array.from(order, (i) => Math.log(deviations[i] ?? 0)),
  };
}

/** The same as {@link leastOf}: from the most similar deviation outwards, until the deviations alone are too far apart. */
function leastOfSorted(tensor: TensorSpread, { tensors, logs }: Sorted): number {
  const log = Math.log(tensor.standardDeviation);
  let least = FARTHEST;
  const look = (at: number): boolean => {
    const option = tensors[at];
    if (option === undefined || Math.abs((logs[at] ?? 0) - log) > least + ROUNDING) return false;
    least = Math.min(least, statisticDistance(option, tensor));
    return true;
  };
  const from = firstFrom(logs, log);
  for (let up = from; look(up); ) up++;
  for (let down = from - 1; look(down); ) down--;
  return least;
}

/** The place of the first that is not below. */
function firstFrom(logs: Float64Array, log: number): number {
  let [low, high] = [0, logs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((logs[middle] ?? 0) < log) low = middle + 1;
    else high = middle;
  }
  return low;
}
