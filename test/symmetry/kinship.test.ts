import { describe, expect, it } from 'vitest';
import type { AxisGraph } from '../../src/symmetry/axis-graph.ts';
import { compareKinship, prepareKinship, testKinship } from '../../src/symmetry/kinship.ts';
import { logFactorial, logNormalTail } from '../../src/symmetry/tails.ts';
import { transformUnits } from '../../src/symmetry/transform-units.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { graphOf, plus, randomUnits, randomWeights, type Shapes, uniform } from './random.ts';

const MLP: Shapes = { 'a.weight': [9, 5], 'a.bias': [9], 'b.weight': [7, 9], 'b.bias': [7], 'c.weight': [3, 7] };
const MLP_GRAPH = graphOf({
  'a.weight': ['h1', null],
  'a.bias': ['h1'],
  'b.weight': ['h2', 'h1'],
  'b.bias': ['h2'],
  'c.weight': [null, 'h2'],
});
const RNN: Shapes = { ih: [6, 4], hh: [6, 6], bias: [6], mix: [5, 6, 6], out: [3, 6] };
const RNN_GRAPH = graphOf({ ih: ['h', null], hh: ['h', 'h'], bias: ['h'], mix: ['g', 'h', 'h'], out: [null, 'h'] });
const HEADS: Shapes = { v: [12, 7], o: [7, 12], norm: [7] };
const HEADS_GRAPH = graphOf({
  v: [{ space: 'v', heads: 3 }, 's'],
  o: ['s', { space: 'v', heads: 3 }],
  norm: ['s'],
});

function moments(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) };
}

function permutedStatistics(shapes: Shapes, graph: AxisGraph, rounds: number): Map<string, number[]> {
  const random = uniform(11);
  const a = prepareKinship(heavyTailed(shapes, 1), graph);
  const b = heavyTailed(shapes, 2);
  const z = new Map<string, number[]>();
  for (let i = 0; i < rounds; i++) {
    const moved = transformUnits(b, graph, { units: randomUnits(graph, b, random), factors: new Map() });
    const kinship = compareKinship(a, prepareKinship(moved, graph));
    for (const block of [...kinship.blocks, { spaces: 'all', z: kinship.z }]) {
      z.set(block.spaces, [...(z.get(block.spaces) ?? []), block.z]);
    }
  }
  return z;
}

/** Cubes of normal variables plus a mean that all networks share. */
function heavyTailed(shapes: Shapes, seed: number): Weights {
  return new Map(
    [...randomWeights(shapes, seed)].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((v) => v ** 3 + 2) },
    ]),
  );
}

describe('the closed form under random permutations', () => {
  it.each([
    ['a chain of layers', MLP, MLP_GRAPH, 3],
    ['tensors that touch one space twice', RNN, RNN_GRAPH, 6],
    ['heads', HEADS, HEADS_GRAPH, 3],
  ] as const)('has mean 0 and deviation 1 in every block: %s', (_, shapes, graph, blocks) => {
    const rounds = 3000;
    const statistics = permutedStatistics(shapes, graph, rounds);
    expect(statistics.size).toBe(blocks + 1);
    for (const values of statistics.values()) {
      const { mean, deviation } = moments(values);
      expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(rounds));
      expect(Math.abs(deviation - 1)).toBeLessThan(4 / Math.sqrt(rounds));
    }
  });
});

describe('testKinship', () => {
  it('finds no kinship between independents that share a mean, and much between relatives', () => {
    const wide: Shapes = {
      'a.weight': [32, 40],
      'a.bias': [32],
      'b.weight': [32, 32],
      'b.bias': [32],
      'c.weight': [10, 32],
    };
    const a = heavyTailed(wide, 3);
    expect(Math.abs(testKinship(a, heavyTailed(wide, 4), MLP_GRAPH).z)).toBeLessThan(4.5);
    const related = testKinship(a, plus(a, randomWeights(wide, 5), 9), MLP_GRAPH);
    expect(related.z).toBeGreaterThan(10);
    expect(related.logPValue).toBe(logNormalTail(related.z));
  });

  it('never gives a p-value below one in the number of permutations', () => {
    const a = randomWeights({ 'a.weight': [3, 400], 'a.bias': [3] }, 1);
    const same = testKinship(a, a, MLP_GRAPH);
    expect(same.logPValue).toBeGreaterThanOrEqual(-logFactorial(3));
  });

  it('is symmetric and needs no equal sets of tensors', () => {
    const [a, b] = [randomWeights(MLP, 1), randomWeights(MLP, 2)];
    expect(testKinship(a, b, MLP_GRAPH).z).toBeCloseTo(testKinship(b, a, MLP_GRAPH).z, 10);
    const without = new Map([...a].filter(([name]) => name !== 'c.weight'));
    const kinship = testKinship(a, without, MLP_GRAPH);
    expect(kinship.z).toBeGreaterThan(8);
    expect(kinship.blocks.flatMap((block) => block.tensors)).not.toContain('c.weight');
  });

  it('leaves constant and non-finite tensors out', () => {
    const a = new Map(randomWeights(MLP, 1)).set('a.bias', { shape: [9], data: new Float32Array(9).fill(0.1) });
    const b = new Map(a).set('c.weight', { shape: [3, 7], data: new Float32Array(21).fill(Number.NaN) });
    const kinship = testKinship(a, b, MLP_GRAPH);
    expect(Number.isFinite(kinship.z)).toBe(true);
    const empty = testKinship(new Map([['a.bias', { shape: [9], data: new Float32Array(9) }]]), a, MLP_GRAPH);
    expect(empty).toMatchObject({ z: 0, blocks: [] });
    expect(empty.logPValue).toBeCloseTo(0);
  });

  it('samples wide layers at a bounded cost and keeps its power', () => {
    const wide: Shapes = { 'a.weight': [700, 300], 'a.bias': [700], 'b.weight': [600, 700], 'c.weight': [10, 600] };
    const a = prepareKinship(randomWeights(wide, 1), MLP_GRAPH);
    expect([...a.blocks.values()].every((block) => block.rows <= 128 * 128)).toBe(true);
    const noisy = prepareKinship(plus(a.weights, randomWeights(wide, 2), 3), MLP_GRAPH);
    expect(compareKinship(a, noisy).z).toBeGreaterThan(10);
    expect(Math.abs(compareKinship(a, prepareKinship(randomWeights(wide, 3), MLP_GRAPH)).z)).toBeLessThan(4.5);
  });
});

describe('guards', () => {
  const recurrent: Shapes = { ih: [24, 6], hh: [24, 24], out: [3, 24] };
  const identityStart = (seed: number): Weights => {
    const weights = new Map(randomWeights(recurrent, seed));
    const data = (weights.get('hh')?.data ?? new Float32Array()).map((v, i) => 0.1 * v + (i % 25 === 0 ? 1 : 0));
    return weights.set('hh', { shape: [24, 24], data });
  };

  it('is not fooled by recurrent weights that start from the identity', () => {
    const twice = graphOf({ ih: ['h', null], hh: ['h', 'h'], out: [null, 'h'] });
    expect(Math.abs(testKinship(identityStart(1), identityStart(2), twice).z)).toBeLessThan(4.5);
  });

  it.each([
    ['as a feature', graphOf({ ih: ['h', null], hh: ['h', null], out: [null, 'h'] })],
    ['as another space', graphOf({ ih: ['h', null], hh: ['h', 'g'], out: [null, 'g'] })],
  ])('nor when the graph takes the second touch %s', (_, graph) => {
    expect(Math.abs(testKinship(identityStart(1), identityStart(2), graph).z)).toBeLessThan(4.5);
  });

  it('merges twins, so that a copy inside one file does not count twice', () => {
    const half: Shapes = { 'x.0.weight': [16, 5], 'x.0.bias': [16], 'x.2.weight': [3, 16] };
    const graph = graphOf({
      'net.0.weight': ['n', null],
      'net.0.bias': ['n'],
      'net.2.weight': [null, 'n'],
      'ema.0.weight': ['e', null],
      'ema.0.bias': ['e'],
      'ema.2.weight': [null, 'e'],
    });
    const twins = (seed: number): Weights => {
      const one = [...randomWeights(half, seed)];
      return new Map(
        ['net', 'ema'].flatMap((prefix) => one.map(([name, array]) => [name.replace('x', prefix), array])),
      );
    };
    const z = Array.from({ length: 300 }, (_, i) => testKinship(twins(2 * i), twins(2 * i + 1), graph).z);
    expect(moments(z).deviation).toBeLessThan(1 + 4 / Math.sqrt(600));
    expect(testKinship(twins(1), twins(1), graph).blocks.map((block) => block.spaces)).toEqual(['n x units']);
  });

  it('refuses a space whose neighbouring units are alike', () => {
    const smooth = (seed: number): Weights => {
      const a = randomWeights({ w: [20, 64], b: [20] }, seed).get('w')?.data ?? new Float32Array();
      const pixel = (row: number, column: number) =>
        (a[row * 64 + column] ?? 0) + (a[row * 64 + column + 1] ?? 0) + (a[row * 64 + column + 2] ?? 0);
      const data = Float32Array.from({ length: 20 * 60 }, (_, i) => pixel(Math.floor(i / 60), i % 60));
      return new Map([['w', { shape: [20, 60], data }]]);
    };
    const wrong = graphOf({ w: [null, 'pixels'] });
    expect(testKinship(smooth(1), smooth(1), wrong).blocks).toEqual([]);
  });
});
