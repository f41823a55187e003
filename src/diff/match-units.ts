import type { WeightArray } from '../tensors/weights.ts';

/** The places along one axis of a tensor as vectors: `count` of `width` values, less the mean of all. */
export interface UnitVectors {
  readonly count: number;
  readonly width: number;
  readonly data: Float32Array;
  /** Squared length of each. */
  readonly squares: Float64Array;
}

/** Values of a unit that are looked at: at least, and at most. */
const WIDTH = { least: 16, most: 256 };
/** Multiplications for one matching at most, and pairs of units. */
const MOST_PRODUCTS = 1 << 27;
const MOST_PAIRS = 1 << 24;

/** The step at which values of a unit are sampled so that comparing every two units stays affordable; undefined when it does not. */
export function samplingStep(shorter: number, longer: number, width: number): number | undefined {
  const pairs = shorter * longer;
  if (pairs > MOST_PAIRS) return undefined;
  const afforded = Math.min(WIDTH.most, Math.max(WIDTH.least, Math.floor(MOST_PRODUCTS / Math.max(pairs, 1))));
  return Math.max(1, Math.floor(width / afforded));
}

/** Reads every `step`-th value of the units along an axis. */
export function unitVectors({ shape, data }: WeightArray, axis: number, step: number): UnitVectors {
  const count = shape[axis] ?? 1;
  const after = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  const full = data.length / Math.max(count, 1);
  const width = Math.ceil(full / step);
  const values = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < width; j++) {
      const place = j * step;
      const before = Math.floor(place / after);
      const value = data[(before * count + i) * after + (place % after)] ?? 0;
      values[i * width + j] = Number.isFinite(value) ? value : 0;
    }
  }
  return centred(values, count, width);
}

function centred(data: Float32Array, count: number, width: number): UnitVectors {
  const means = new Float64Array(width);
  for (let k = 0; k < data.length; k++) means[k % width] = (means[k % width] ?? 0) + (data[k] ?? 0) / count;
  const squares = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < width; j++) {
      const value = (data[i * width + j] ?? 0) - (means[j] ?? 0);
      data[i * width + j] = value;
      squares[i] = (squares[i] ?? 0) + value * value;
    }
  }
  return { count, width, data, squares };
}

/** How far every two units are apart, relative to their lengths: 0 for copies, 1 for independent ones; row by row of the shorter side. */
export function unitDistances(shorter: UnitVectors, longer: UnitVectors): Float32Array {
  const distances = new Float32Array(shorter.count * longer.count);
  const { width } = shorter;
  for (let i = 0; i < shorter.count; i++) {
    for (let j = 0; j < longer.count; j++) {
      let product = 0;
      for (let k = 0; k < width; k++) product += (shorter.data[i * width + k] ?? 0) * (longer.data[j * width + k] ?? 0);
      const squares = (shorter.squares[i] ?? 0) + (longer.squares[j] ?? 0);
      distances[i * longer.count + j] = squares > 0 ? 1 - (2 * product) / squares : 0;
    }
  }
  return distances;
}

/**
 * Finds for every unit of the shorter side one of the longer side, in their order, so that the sum of the distances is least (dynamic programming over
 * both, as in the alignment of sequences; Needleman and Wunsch 1970).
 */
export function matchInOrder(distances: Float32Array, shorter: number, longer: number): Uint32Array {
  const slack = longer - shorter;
  const takes = new Uint8Array(shorter * (slack + 1));
  // best[s]: the least sum for the units so far when s of the longer side were passed over.
  let best = new Float64Array(slack + 1);
  for (let i = 0; i < shorter; i++) {
    const next = new Float64Array(slack + 1).fill(Number.POSITIVE_INFINITY);
    for (let s = 0; s <= slack; s++) {
      const taken = (best[s] ?? 0) + (distances[i * longer + i + s] ?? 0);
      const passed = s > 0 ? (next[s - 1] ?? 0) : Number.POSITIVE_INFINITY;
      if (taken < passed) takes[i * (slack + 1) + s] = 1;
      next[s] = Math.min(taken, passed);
    }
    best = next;
  }
  return traceBack(takes, shorter, slack);
}

function traceBack(takes: Uint8Array, shorter: number, slack: number): Uint32Array {
  const kept = new Uint32Array(shorter);
  let s = slack;
  for (let i = shorter - 1; i >= 0; i--) {
    while (s > 0 && takes[i * (slack + 1) + s] === 0) s--;
    kept[i] = i + s;
  }
  return kept;
}

/** Finds for every unit of the shorter side the nearest of the longer side; undefined where two have the same. */
export function matchFree(distances: Float32Array, shorter: number, longer: number): Uint32Array | undefined {
  const kept = new Uint32Array(shorter);
  for (let i = 0; i < shorter; i++) {
    for (let j = 1; j < longer; j++)
      if ((distances[i * longer + j] ?? 0) < (distances[i * longer + (kept[i] ?? 0)] ?? 0)) kept[i] = j;
  }
  return new Set(kept).size === shorter ? kept : undefined;
}

/** Correlation of the units of the shorter side with those of the longer that are said to be theirs, each less their own mean. */
export function unitCorrelation(shorter: UnitVectors, longer: UnitVectors, kept: Uint32Array): number {
  const { width } = shorter;
  let [own, other, product] = [0, 0, 0];
  for (let j = 0; j < width; j++) {
    let [a, b, aa, bb, ab] = [0, 0, 0, 0, 0];
    for (let i = 0; i < kept.length; i++) {
      const x = shorter.data[i * width + j] ?? 0;
      const y = longer.data[(kept[i] ?? 0) * width + j] ?? 0;
      a += x;
      b += y;
      aa += x * x;
      bb += y * y;
      ab += x * y;
    }
    own += aa - (a * a) / kept.length;
    other += bb - (b * b) / kept.length;
    product += ab - (a * b) / kept.length;
  }
  return own > 0 && other > 0 ? product / Math.sqrt(own * other) : 0;
}

/** Share of the units of the shorter side that are nearer to what is said to be theirs than half of what independent ones are apart. */
export function relatedShare(shorter: UnitVectors, longer: UnitVectors, kept: Uint32Array): number {
  const { width } = shorter;
  let related = 0;
  for (let i = 0; i < kept.length; i++) {
    const place = kept[i] ?? 0;
    let product = 0;
    for (let k = 0; k < width; k++)
      product += (shorter.data[i * width + k] ?? 0) * (longer.data[place * width + k] ?? 0);
    if (2 * product >= 0.5 * ((shorter.squares[i] ?? 0) + (longer.squares[place] ?? 0))) related++;
  }
  return kept.length > 0 ? related / kept.length : 0;
}
