import { describe, expect, it } from 'vitest';
import { testEitherAxis } from '../../src/symmetry/either-axis.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { plus, randomWeights, uniform } from './random.ts';

const SHAPES = {
  'enter.weight': [24, 40],
  'inner.weight': [24, 24],
  'leave.weight': [5, 24],
  'leave.bias': [5],
} as const;

/** What all networks of one task have in common: a pattern over the inputs that every unit has, and one over the classes. */
function withCommonPart(weights: Weights): Weights {
  const shared = uniform(99);
  const columns = Array.from({ length: 40 }, () => 8 * shared());
  return new Map(
    [...weights].map(([name, { shape, data }]) => [
      name,
      name === 'enter.weight' ? { shape, data: data.map((x, i) => x + (columns[i % 40] ?? 0)) } : { shape, data },
    ]),
  );
}

const network = (seed: number) => withCommonPart(randomWeights(SHAPES, seed));

describe('the test of matrices whose hidden axis is not known', () => {
  it('never takes independent networks for kin, whatever all of them share', () => {
    const networks = Array.from({ length: 24 }, (_, i) => network(i));
    const tests = networks.flatMap((a, i) => networks.slice(0, i).flatMap((b) => testEitherAxis(a, b)));
    expect(tests.length).toBe(276 * 3);
    expect(Math.max(...tests.map(({ z }) => z))).toBeLessThan(4.5);
    // The largest of several p-values is no smaller than each: fewer than a hundredth fall below .01.
    expect(tests.filter(({ logPValue }) => logPValue < Math.log(0.01)).length).toBeLessThan(0.01 * tests.length);
  });

  it('finds relatives in every matrix that has enough units', () => {
    const [base, noise] = [network(1), randomWeights(SHAPES, 2)];
    const found = new Map(testEitherAxis(plus(base, noise, 0.5), base).map((test) => [test.name, test]));
    expect(found.get('enter.weight')?.z).toBeGreaterThan(8);
    expect(found.get('inner.weight')?.z).toBeGreaterThan(12);
    expect(found.get('leave.weight')?.logPValue).toBeGreaterThan(-4.8);
  });

  it('says nothing of matrices that are equal in both, which may be a fixed basis', () => {
    const [a, b] = [network(1), network(2)];
    const basis = new Map([...b, ['enter.weight', a.get('enter.weight') ?? { shape: [], data: new Float32Array() }]]);
    expect(testEitherAxis(a, basis).map(({ name }) => name)).toEqual(['inner.weight', 'leave.weight']);
  });

  it('says nothing of matrices with an order along both axes', () => {
    const smooth = (seed: number): Weights => {
      const noise = randomWeights({ 'time.weight': [32, 32] }, seed).get('time.weight')?.data ?? new Float32Array();
      const data = noise.map((x, i) => 0.1 * x + Math.exp(-((Math.floor(i / 32) - (i % 32)) ** 2) / 40));
      return new Map([['time.weight', { shape: [32, 32], data }]]);
    };
    expect(testEitherAxis(smooth(1), smooth(2))).toEqual([]);
  });

  it('does not take gates that all networks set alike for units', () => {
    const gates = (seed: number): Weights => {
      const weights = randomWeights({ 'core.weight_ih': [64, 12], 'core.weight_hh': [64, 16] }, seed);
      const shared = randomWeights({ all: [4 * 16] }, 7).get('all')?.data ?? [];
      return new Map(
        [...weights].map(([name, { shape, data }]) => {
          const width = shape[1] ?? 1;
          return [
            name,
            { shape, data: data.map((x, i) => x + 3 * (shared[Math.floor(i / width / 16) * 16 + (i % width)] ?? 0)) },
          ];
        }),
      );
    };
    const tests = [1, 3, 5, 7, 9].flatMap((seed) => testEitherAxis(gates(seed), gates(seed + 1)));
    expect(Math.max(...tests.map(({ z }) => z))).toBeLessThan(4.5);
  });

  it('is not fooled by matrices that start from the identity', () => {
    const start = (seed: number) => {
      const weights = randomWeights({ 'h.weight': [24, 24] }, seed);
      const data = (weights.get('h.weight')?.data ?? new Float32Array()).map(
        (x, i) => 0.01 * x + (i % 25 === 0 ? 1 : 0),
      );
      return new Map([['h.weight', { shape: [24, 24], data }]]);
    };
    for (const { z } of testEitherAxis(start(1), start(2))) expect(Math.abs(z)).toBeLessThan(4);
  });
});
