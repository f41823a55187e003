import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { allowWasm } from '../../src/bytes/wasm-module.ts';
import { createStatistics } from '../../src/tensors/statistics.ts';

function statisticsOf(...pieces: readonly (readonly number[])[]) {
  const statistics = createStatistics();
  for (const piece of pieces) statistics.add(Float32Array.from(piece));
  return statistics.result();
}

afterEach(() => allowWasm(true));

describe('statistics', () => {
  test('of known values', () => {
    expect(statisticsOf([1, 2, 3, 4], [0, -2])).toMatchObject({ min: -2, max: 4, zeroCount: 1, squareSum: 34 });
    expect(statisticsOf([1, 2, 3, 4], [0, -2]).mean).toBeCloseTo(8 / 6, 12);
    expect(statisticsOf([-1, 1]).standardDeviation).toBe(1);
    expect(statisticsOf([-1, 1]).kurtosis).toBe(1);
  });

  test('leave special values out, and count them', () => {
    const result = statisticsOf([Number.NaN], [Infinity, 5, -Infinity, 0, 0]);
    expect(result).toMatchObject({ nanCount: 1, infinityCount: 2, zeroCount: 2, min: 0, max: 5, squareSum: 25 });
    expect(result.mean).toBeCloseTo(5 / 3, 12);
  });

  test('doubles beyond the range of f32 are not infinite', () => {
    const doubles = Float64Array.of(1e300, 2, -4, Number.NaN, -Infinity);
    const statistics = createStatistics();
    statistics.add(Float32Array.from(doubles), doubles);
    expect(statistics.result()).toMatchObject({ min: -4, max: 1e300, mean: -1, infinityCount: 1, nanCount: 1 });
    expect(statistics.result()).toMatchObject({ squareSum: 20, standardDeviation: 3 });
  });

  test.each([[[]], [[Number.NaN, Infinity]]])('of nothing finite are zero: %j', (values) => {
    expect(statisticsOf(values)).toMatchObject({
      mean: 0,
      standardDeviation: 0,
      min: 0,
      max: 0,
      kurtosis: 0,
      squareSum: 0,
    });
  });

  test('of equal values have no spread', () => {
    expect(statisticsOf(Array(1000).fill(0.1), Array(3).fill(0.1))).toMatchObject({
      standardDeviation: 0,
      kurtosis: 0,
    });
  });

  test('keep their digits where the mean is far larger than the spread', () => {
    const values = Array.from({ length: 20_000 }, (_, i) => 1000 + (i % 2 === 0 ? 0.125 : -0.125));
    const result = statisticsOf(values);
    expect(result.standardDeviation).toBeCloseTo(0.125, 10);
    expect(result.kurtosis).toBeCloseTo(1, 8);
  });

  test('do not depend on the pieces', () => {
    const floats = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(floats, fc.nat(60), (values, cut) => {
        const whole = statisticsOf(values);
        const parts = statisticsOf(values.slice(0, cut), values.slice(cut));
        expect(parts.mean).toBeCloseTo(whole.mean, 8);
        expect(parts.standardDeviation).toBeCloseTo(whole.standardDeviation, 6);
        expect(parts.max).toBe(whole.max);
      }),
    );
  });

  test('are the same to the last bit as WebAssembly, and as plain loops', () => {
    const odd = fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 1e-45, 3e38, -3e38);
    const value = fc.oneof({ weight: 20, arbitrary: fc.float() }, { weight: 1, arbitrary: odd });
    const pieces = fc.array(fc.array(value, { maxLength: 700, size: 'max' }), { maxLength: 3 });
    fc.assert(
      fc.property(pieces, (given) => {
        allowWasm(false);
        const plain = statisticsOf(...given);
        allowWasm(true);
        expect(statisticsOf(...given)).toEqual(plain);
      }),
    );
  });

  test('say whether all values of a piece are finite', () => {
    for (const length of [5, 1003]) {
      const values = new Float32Array(length).fill(1.5);
      expect(createStatistics().add(values)).toBe(true);
      values[length - 1] = Number.NaN;
      expect(createStatistics().add(values)).toBe(false);
    }
  });
});
