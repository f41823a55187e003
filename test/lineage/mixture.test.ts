import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mixNonNegative, mixSigned, nameMixture, refit } from '../../src/lineage/average.ts';
import { columnsOf, solveNonNegative } from '../../src/lineage/least-squares.ts';
import { createGaussian } from './alter.ts';

const LENGTH = 600;

function walk(count: number, seed: number): { key: number; vector: Float64Array }[] {
  const gaussian = createGaussian(seed);
  let at = Float64Array.from({ length: LENGTH }, gaussian);
  const drift = Float64Array.from({ length: LENGTH }, gaussian);
  return Array.from({ length: count }, (_, key) => {
    at = at.map((x, i) => x + 0.02 * (drift[i] ?? 0) + 0.005 * gaussian());
    return { key, vector: Float64Array.from(at, Math.fround) };
  });
}

const parts = walk(24, 4);
const sumOf = (weights: readonly (readonly [number, number])[]) =>
  Float64Array.from({ length: LENGTH }, (_, i) =>
    Math.fround(weights.reduce((sum, [key, w]) => sum + w * (parts[key]?.vector[i] ?? 0), 0)),
  );
const [base, ...others] = parts;

describe('a mixture of stored checkpoints', () => {
  it('gives back parents and coefficients', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 23 }), { minLength: 2, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 5, maxLength: 5 }),
        (keys, raw) => {
          const total = keys.reduce((sum, _, i) => sum + (raw[i] ?? 1), 0);
          const weights = keys.map((key, i) => [key, (raw[i] ?? 1) / total] as const);
          const query = sumOf(weights);
          if (!base) return;
          const found = mixNonNegative(query, base, others).parts.filter(({ weight }) => weight > 0.01);
          expect(new Set(found.map(({ key }) => key))).toEqual(new Set(keys));
          const chosen = parts.filter(({ key }) => keys.includes(key));
          for (const { key, weight } of refit(query, chosen).parts) {
            expect(weight).toBeCloseTo(weights.find(([k]) => k === key)?.[1] ?? Number.NaN, 4);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('of either sign too', () => {
    if (!base) return;
    const { parts: found } = mixSigned(
      sumOf([
        [3, 0.8],
        [12, 0.6],
        [20, -0.4],
      ]),
      base,
      others,
    );
    expect(found.map(({ key }) => key)).toEqual([3, 12, 20]);
    expect(found.map(({ weight }) => weight)).toEqual([
      expect.closeTo(0.8, 4),
      expect.closeTo(0.6, 4),
      expect.closeTo(-0.4, 4),
    ]);
  });

  it('names its parents from sketches', () => {
    const sketches = parts.map(({ key, vector }) => ({ key, sketch: Float32Array.from(vector) }));
    const query = Float32Array.from(
      sumOf([
        [2, 0.5],
        [9, 0.3],
        [22, 0.2],
      ]),
    );
    expect(nameMixture(query, sketches[5]?.sketch ?? query, sketches).slice(0, 3)).toEqual([2, 9, 22]);
  });

  it('leaves the base where nothing else explains', () => {
    const gaussian = createGaussian(8);
    if (!base) return;
    const noisy = base.vector.map((x) => x + gaussian());
    expect(mixNonNegative(noisy, base, others).relativeResidual).toBeGreaterThan(0.9);
  });
});

it('solves non-negative least squares as the textbook does', () => {
  // min |Ax - b|, A = [[1, 0], [0, 1]], b = (2, -1): the second coefficient stops at 0.
  const solved = solveNonNegative(
    columnsOf({ order: 2, gram: Float64Array.from([1, 0, 0, 1]), right: Float64Array.from([2, -1]) }),
  );
  expect([...solved]).toEqual([2, 0]);
});

it('meets the conditions of Karush, Kuhn and Tucker', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer(), (order, seed) => {
      const gaussian = createGaussian(seed);
      const a = Array.from({ length: order }, () => Float64Array.from({ length: order + 4 }, gaussian));
      const b = Float64Array.from({ length: order + 4 }, gaussian);
      const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, v, i) => sum + v * (y[i] ?? 0), 0);
      const gram = Float64Array.from(a.flatMap((x) => a.map((y) => dot(x, y))));
      const weights = solveNonNegative(columnsOf({ order, gram, right: Float64Array.from(a, (x) => dot(x, b)) }));
      const rest = b.map((v, k) => v - a.reduce((sum, x, i) => sum + (weights[i] ?? 0) * (x[k] ?? 0), 0));
      a.forEach((x, i) => {
        expect(weights[i]).toBeGreaterThanOrEqual(0);
        expect(dot(x, rest)).toBeLessThan(1e-8);
        if ((weights[i] ?? 0) > 0) expect(Math.abs(dot(x, rest))).toBeLessThan(1e-8);
      });
    }),
  );
});
