import type { WasmModule } from '../bytes/wasm-module.ts';
import { MOST_VALUES, openTensorLoops, placeValues, STATE_PLACE } from './value-memory.ts';

/**
 * What a tensor's values look like. Moments are over the finite values, as f32; doubles beyond its range take part in minimum and maximum only.
 * All 0 when there is none.
 */
export interface TensorStatistics {
  readonly mean: number;
  /** Of the population. */
  readonly standardDeviation: number;
  readonly min: number;
  readonly max: number;
  readonly zeroCount: number;
  readonly nanCount: number;
  readonly infinityCount: number;
  /** Sum of squares of the finite values. */
  readonly squareSum: number;
  /** Fourth standardised moment; 3 for a Gaussian, 0 when all values are equal. */
  readonly kurtosis: number;
}

/** Takes statistics of values that come in pieces. */
export interface StatisticsAccumulator {
  /**
   * @param exact the same values before they were rounded, where the type is wider: what only rounding made infinite is not counted so
   * @returns true when all are finite
   */
  add(values: Float32Array, exact?: Float64Array): boolean;
  result(): TensorStatistics;
  /** Forgets all: for the next tensor. Files have a hundred thousand small ones. */
  restart(): void;
}

/** Four sums each of the first to fourth powers of the distance to the shift, and of squares. */
const SUMS = 20;
const LANES = 4;

/** Sums in lanes: value i of a piece is added in lane i & 3, by loops that add four at once, and by plain ones alike. */
interface Lanes {
  readonly sums: Float64Array;
  /** Four least values, then four greatest. */
  readonly extremes: Float32Array;
  zeroCount: number;
  /** Finite values. */
  count: number;
}

/** Fewer values are not worth the way into the module's memory. */
const FEW = 128;

/** What is known of the values so far. The shift is near the mean, so that no digits cancel. */
interface Sums extends Lanes {
  shift: number;
  /** Of doubles beyond the range of f32. */
  min: number;
  max: number;
  nanCount: number;
  infinityCount: number;
}

/** What four lanes from `at` on come to: always in this order. */
export function addLanes(lanes: Float64Array, at: number): number {
  return (lanes[at] ?? 0) + (lanes[at + 1] ?? 0) + ((lanes[at + 2] ?? 0) + (lanes[at + 3] ?? 0));
}

function addFinitePlainly(values: Float32Array, lanes: Float64Array): number {
  let count = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    if (value - value !== 0) continue;
    lanes[i & 3] = (lanes[i & 3] ?? 0) + value;
    count += 1;
  }
  return count;
}

/** Adds up finite values in four lanes: how many they are. */
function addFinite(values: Float32Array, lanes: Float64Array): number {
  const module = values.length < FEW ? undefined : openTensorLoops();
  if (module === undefined) return addFinitePlainly(values, lanes);
  const at = placeValues(module, values);
  const { buffer } = module.memory;
  const sums = new Float64Array(buffer, STATE_PLACE, LANES);
  const counts = new Uint32Array(buffer, STATE_PLACE + 8 * LANES, LANES);
  sums.fill(0);
  counts.fill(0);
  module.call('addFinite', at, values.length, STATE_PLACE);
  lanes.set(sums);
  return counts.reduce((sum, count) => sum + count, 0);
}

const meanLanes = new Float64Array(LANES);

function finiteMean(values: Float32Array): number | undefined {
  const lanes = meanLanes.fill(0);
  const count = addFinite(values.length > MOST_VALUES ? values.subarray(0, MOST_VALUES) : values, lanes);
  return count === 0 ? undefined : addLanes(lanes, 0) / count;
}

function addSpecial(sums: Sums, value: number): void {
  if (Number.isNaN(value)) sums.nanCount += 1;
  else if (Math.abs(value) === Infinity) sums.infinityCount += 1;
  else {
    sums.min = Math.min(sums.min, value);
    sums.max = Math.max(sums.max, value);
  }
}

function addAllSpecial(sums: Sums, values: Float32Array, exact: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    if (value - value !== 0) addSpecial(sums, exact[i] ?? 0);
  }
}

function addPlainly(lanes: Lanes, values: Float32Array, shift: number): void {
  const { sums, extremes } = lanes;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    if (value - value !== 0) continue;
    const lane = i & 3;
    const distance = value - shift;
    const square = distance * distance;
    sums[lane] = (sums[lane] ?? 0) + distance;
    sums[lane + 4] = (sums[lane + 4] ?? 0) + square;
    sums[lane + 8] = (sums[lane + 8] ?? 0) + square * distance;
    sums[lane + 12] = (sums[lane + 12] ?? 0) + square * square;
    sums[lane + 16] = (sums[lane + 16] ?? 0) + value * value;
    if (value < (extremes[lane] ?? 0)) extremes[lane] = value;
    if (value > (extremes[lane + 4] ?? 0)) extremes[lane + 4] = value;
    lanes.count += 1;
    if (value === 0) lanes.zeroCount += 1;
  }
}

/** The lanes, as wasm/tensors.ts has them in its memory. */
function lanesIn(memory: ArrayBuffer): { sums: Float64Array; extremes: Float32Array; counts: Uint32Array } {
  return {
    sums: new Float64Array(memory, STATE_PLACE, SUMS),
    extremes: new Float32Array(memory, STATE_PLACE + 8 * SUMS, 2 * LANES),
    counts: new Uint32Array(memory, STATE_PLACE + 8 * SUMS + 8 * LANES, 2 * LANES),
  };
}

function addByModule(module: WasmModule, lanes: Lanes, values: Float32Array, shift: number): void {
  const at = placeValues(module, values);
  const { sums, extremes, counts } = lanesIn(module.memory.buffer);
  sums.set(lanes.sums);
  extremes.set(lanes.extremes);
  counts.fill(0);
  module.call('addStatistics', at, values.length, shift, STATE_PLACE);
  lanes.sums.set(sums);
  lanes.extremes.set(extremes);
  for (let lane = 0; lane < LANES; lane += 1) {
    lanes.zeroCount += counts[lane] ?? 0;
    lanes.count += counts[LANES + lane] ?? 0;
  }
}

function addValues(sums: Sums, values: Float32Array): void {
  for (let from = 0; from < values.length; from += MOST_VALUES) {
    const part = values.length > MOST_VALUES ? values.subarray(from, from + MOST_VALUES) : values;
    const module = part.length < FEW ? undefined : openTensorLoops();
    if (module === undefined) addPlainly(sums, part, sums.shift);
    else addByModule(module, sums, part, sums.shift);
  }
}

function toStatistics(state: Sums): TensorStatistics {
  const { count, zeroCount, nanCount, infinityCount, sums, extremes } = state;
  const n = Math.max(count, 1);
  const first = addLanes(sums, 0) / n;
  const second = addLanes(sums, 4) / n;
  const third = addLanes(sums, 8) / n;
  const fourth = addLanes(sums, 12) / n;
  const variance = Math.max(0, second - first * first);
  const moment = fourth - 4 * first * third + 6 * first ** 2 * second - 3 * first ** 4;
  let { min, max } = state;
  for (let lane = 0; lane < LANES; lane += 1) {
    min = Math.min(min, extremes[lane] ?? min);
    max = Math.max(max, extremes[LANES + lane] ?? max);
  }
  const isConstant = count === 0 || min === max;
  return {
    mean: count === 0 ? 0 : state.shift + first,
    standardDeviation: isConstant ? 0 : Math.sqrt(variance),
    min: min > max ? 0 : min,
    max: min > max ? 0 : max,
    zeroCount,
    nanCount,
    infinityCount,
    squareSum: addLanes(sums, 16),
    kurtosis: isConstant || variance === 0 ? 0 : moment / variance ** 2,
  };
}

const NOTHING_YET = {
  shift: 0,
  count: 0,
  min: Infinity,
  max: -Infinity,
  zeroCount: 0,
  nanCount: 0,
  infinityCount: 0,
} as const;

/** Starts an accumulator. The sums are of distances to the mean of the first piece, in double precision. */
export function createStatistics(): StatisticsAccumulator {
  const sums: Sums = {
    sums: new Float64Array(SUMS),
    extremes: new Float32Array(2 * LANES).fill(Infinity, 0, LANES).fill(-Infinity, LANES),
    ...NOTHING_YET,
  };
  return {
    add(values, exact = undefined) {
      if (sums.count === 0) sums.shift = finiteMean(values) ?? 0;
      const before = sums.count;
      addValues(sums, values);
      const isAllFinite = sums.count - before === values.length;
      if (!isAllFinite) addAllSpecial(sums, values, exact ?? values);
      return isAllFinite;
    },
    result: () => toStatistics(sums),
    restart() {
      sums.sums.fill(0);
      sums.extremes.fill(Infinity, 0, LANES).fill(-Infinity, LANES);
      Object.assign(sums, NOTHING_YET);
    },
  };
}
