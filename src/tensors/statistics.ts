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
  /** @param exact the same values before they were rounded, where the type is wider: what only rounding made infinite is not counted so */
  add(values: Float32Array, exact?: Float64Array): void;
  result(): TensorStatistics;
}

/** Sums of powers of the distance to `shift`: near the mean, so that no digits cancel. */
interface Sums {
  shift: number;
  count: number;
  first: number;
  second: number;
  third: number;
  fourth: number;
  squareSum: number;
  min: number;
  max: number;
  zeroCount: number;
  nanCount: number;
  infinityCount: number;
}

function finiteMean(values: Float32Array): number | undefined {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    if (value - value !== 0) continue;
    sum += value;
    count += 1;
  }
  return count === 0 ? undefined : sum / count;
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

function addValues(sums: Sums, values: Float32Array): void {
  let { count, first, second, third, fourth, squareSum, min, max, zeroCount } = sums;
  const { shift } = sums;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    if (value - value !== 0) continue;
    const distance = value - shift;
    const square = distance * distance;
    count += 1;
    first += distance;
    second += square;
    third += square * distance;
    fourth += square * square;
    squareSum += value * value;
    if (value < min) min = value;
    if (value > max) max = value;
    if (value === 0) zeroCount += 1;
  }
  Object.assign(sums, { count, first, second, third, fourth, squareSum, min, max, zeroCount });
}

function toStatistics(sums: Sums): TensorStatistics {
  const { count, zeroCount, nanCount, infinityCount, squareSum } = sums;
  const n = Math.max(count, 1);
  const offset = sums.first / n;
  const variance = Math.max(0, sums.second / n - offset * offset);
  const fourth =
    sums.fourth / n - 4 * offset * (sums.third / n) + 6 * offset ** 2 * (sums.second / n) - 3 * offset ** 4;
  const isConstant = count === 0 || sums.min === sums.max;
  return {
    mean: count === 0 ? 0 : sums.shift + offset,
    standardDeviation: isConstant ? 0 : Math.sqrt(variance),
    min: sums.min > sums.max ? 0 : sums.min,
    max: sums.min > sums.max ? 0 : sums.max,
    zeroCount,
    nanCount,
    infinityCount,
    squareSum,
    kurtosis: isConstant || variance === 0 ? 0 : fourth / variance ** 2,
  };
}

/** Starts an accumulator. The sums are of distances to the mean of the first piece, in double precision. */
export function createStatistics(): StatisticsAccumulator {
  const sums: Sums = {
    shift: 0,
    count: 0,
    first: 0,
    second: 0,
    third: 0,
    fourth: 0,
    squareSum: 0,
    min: Infinity,
    max: -Infinity,
    zeroCount: 0,
    nanCount: 0,
    infinityCount: 0,
  };
  return {
    add(values, exact = undefined) {
      if (sums.count === 0) sums.shift = finiteMean(values) ?? 0;
      const before = sums.count;
      addValues(sums, values);
      if (sums.count - before < values.length) addAllSpecial(sums, values, exact ?? values);
    },
    result: () => toStatistics(sums),
  };
}
