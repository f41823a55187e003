import { describe, expect, it } from 'vitest';
import { alignUnits, applyAlignment } from '../../src/symmetry/align.ts';
import { assignHeads } from '../../src/symmetry/assign-units.ts';
import type { AxisGraph } from '../../src/symmetry/axis-graph.ts';
import { balanceUnits } from '../../src/symmetry/balance.ts';
import { fitScales } from '../../src/symmetry/fit-scales.ts';
import { centreTensors, computeInvariants } from '../../src/symmetry/invariants.ts';
import { testKinship } from '../../src/symmetry/kinship.ts';
import { rotateUnits } from '../../src/symmetry/rotate.ts';
import { transformUnits, type UnitTransform } from '../../src/symmetry/transform-units.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { graphOf, plus, randomUnits, randomWeights, type Shapes, shuffled, uniform } from './random.ts';

const CNN: Shapes = {
  'c1.weight': [8, 1, 3, 3],
  'c1.bias': [8],
  'c2.weight': [6, 8, 3, 3],
  'c2.bias': [6],
  'f1.weight': [12, 24],
  'f1.bias': [12],
  'f2.weight': [12, 12],
  'f3.weight': [4, 12],
};
const SPACES = ['a', 'b', 'c'];
const CNN_GRAPH: AxisGraph = {
  ...graphOf({
    'c1.weight': ['a', null, null, null],
    'c1.bias': ['a'],
    'c2.weight': ['b', 'a', null, null],
    'c2.bias': ['b'],
    'f1.bias': ['c'],
    'f2.weight': ['c', 'c'],
    'f3.weight': [null, 'c'],
  }),
  rescalable: new Set(SPACES),
};
const GRAPH: AxisGraph = {
  ...CNN_GRAPH,
  tensors: new Map([...CNN_GRAPH.tensors, ['f1.weight', { reshape: [12, 6, 4], labels: ['c', 'b', null] }]]),
};

function change(weights: Weights, seed: number, options: { sign?: boolean; scale?: boolean }): UnitTransform {
  const random = uniform(seed);
  const units = randomUnits(GRAPH, weights, random);
  const factor = () => (options.sign && random() < 0.5 ? -1 : 1) * (options.scale ? Math.exp(4 * random() - 2) : 1);
  return { units, factors: new Map([...units].map(([space, order]) => [space, Float64Array.from(order, factor)])) };
}

function largestDifference(a: Weights, b: Weights): number {
  let most = 0;
  for (const [name, { data }] of a)
    for (const [i, value] of data.entries())
      most = Math.max(most, Math.abs(value - (b.get(name)?.data[i] ?? Number.NaN)));
  return most;
}

describe('alignUnits', () => {
  it.each([
    [{ sign: false, scale: false }, false],
    [{ sign: true, scale: false }, false],
    [{ sign: true, scale: true }, false],
    [{ sign: false, scale: true }, true],
    [{ sign: true, scale: true }, true],
  ] as const)('undoes a permutation with %o (scale-free: %s)', (options, scaleFree) => {
    for (const seed of [1, 2, 3]) {
      const original = randomWeights(CNN, seed);
      const applied = change(original, seed + 10, options);
      const query = transformUnits(original, GRAPH, applied);
      const order = alignUnits(query, original, GRAPH, { sign: options.sign, scaleFree });
      expect(order.units).toEqual(applied.units);
      const alignment = options.scale ? fitScales(query, original, GRAPH, order) : order;
      const difference = largestDifference(query, applyAlignment(original, GRAPH, alignment));
      expect(difference).toBeLessThan(options.scale ? 1e-4 : 1e-30);
    }
  });

  it('sees through noise and pruning', () => {
    const original = randomWeights(CNN, 4);
    const applied = change(original, 5, { sign: true });
    const noisy = plus(transformUnits(original, GRAPH, applied), randomWeights(CNN, 6), 0.2);
    const pruned = new Map(
      [...noisy].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((v) => (Math.abs(v) < 0.7 ? 0 : v)) },
      ]),
    );
    expect(alignUnits(noisy, original, GRAPH, { sign: true }).units).toEqual(applied.units);
    expect(alignUnits(pruned, original, GRAPH, { sign: true, scaleFree: true }).units).toEqual(applied.units);
  });

  it('turns no signs where none may turn', () => {
    const original = randomWeights(CNN, 7);
    const query = transformUnits(original, GRAPH, change(original, 8, { sign: true }));
    expect(alignUnits(query, original, GRAPH, {}).signs.size).toBe(0);
    expect(alignUnits(query, original, { ...GRAPH, flippable: new Set(['a']) }, { sign: true }).signs.has('b')).toBe(
      false,
    );
  });

  it('moves heads as wholes', () => {
    const graph = graphOf({ v: [{ space: 'v', heads: 3 }, null], o: [null, { space: 'v', heads: 3 }] });
    const original = randomWeights({ v: [12, 7], o: [7, 12] }, 1);
    const units = randomUnits(graph, original, uniform(3));
    const query = transformUnits(original, graph, { units, factors: new Map() });
    expect(alignUnits(query, original, graph).units).toEqual(units);
    const crossing = { size: 4, values: Float64Array.from([0, 0, 9, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0]) };
    expect([...assignHeads(crossing, 2)].map((unit) => Math.floor(unit / 2))).toEqual([1, 1, 0, 0]);
  });

  it('leaves spaces alone that the candidate does not share', () => {
    const original = randomWeights(CNN, 9);
    const other = new Map(original).set('f3.weight', { shape: [5, 12], data: new Float32Array(60) });
    const partial = new Map([...other].filter(([name]) => !name.startsWith('c')));
    expect(() => alignUnits(original, other, GRAPH, { sign: true })).not.toThrow();
    expect(alignUnits(original, partial, GRAPH).units.has('a')).toBe(false);
  });
});

describe('rotateUnits', () => {
  it('keeps norms and unit means, and takes kinship with it', () => {
    const original = randomWeights(CNN, 1);
    const rotated = rotateUnits(original, GRAPH, uniform(2));
    for (const [name, { data }] of original) {
      const [before, after] = [data, rotated.get(name)?.data ?? new Float32Array()].map((d) =>
        d.reduce((sum, v) => sum + v * v, 0),
      );
      expect(after).toBeCloseTo(before ?? 0, 2);
    }
    expect(testKinship(original, original, GRAPH).z).toBeGreaterThan(15);
    expect(Math.abs(testKinship(original, rotated, GRAPH).z)).toBeLessThan(5);
    const aligned = applyAlignment(rotated, GRAPH, alignUnits(original, rotated, GRAPH));
    expect(testKinship(original, aligned, GRAPH).z).toBeLessThan(testKinship(original, original, GRAPH).z * 0.8);
  });
});

describe('balanceUnits', () => {
  it('reaches a fixed point that does not depend on the scales it starts from', () => {
    const original = randomWeights(CNN, 1);
    const scaled = transformUnits(original, GRAPH, { ...change(original, 2, { scale: true }), units: new Map() });
    const [a, b] = [balanceUnits(original, GRAPH).weights, balanceUnits(scaled, GRAPH).weights];
    expect(largestDifference(original, scaled)).toBeGreaterThan(1);
    expect(largestDifference(a, b)).toBeLessThan(1e-4);
    for (const scale of balanceUnits(a, GRAPH).scales.values())
      for (const factor of scale) expect(factor).toBeCloseTo(1, 5);
  });

  it('leaves dead units and spaces that may not be scaled alone', () => {
    const original = new Map(randomWeights(CNN, 1)).set('f3.weight', { shape: [4, 12], data: new Float32Array(48) });
    expect([...(balanceUnits(original, GRAPH).scales.get('a') ?? [])].every(Number.isFinite)).toBe(true);
    expect(balanceUnits(original, { ...GRAPH, rescalable: new Set() }).weights).toEqual(original);
  });
});

describe('computeInvariants', () => {
  const distance = (a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>) => {
    let sum = 0;
    for (const [name, values] of a)
      for (const [i, value] of values.entries()) sum += (value - (b.get(name)?.[i] ?? 0)) ** 2;
    return Math.sqrt(sum);
  };

  it('does not change when units are permuted, flipped and rescaled', () => {
    const original = randomWeights(CNN, 1);
    const invariants = computeInvariants(original, GRAPH);
    for (const seed of [1, 2, 3]) {
      const moved = transformUnits(original, GRAPH, change(original, seed, { sign: true, scale: true }));
      expect(distance(invariants, computeInvariants(moved, GRAPH))).toBeLessThan(1e-3);
    }
    expect(distance(invariants, computeInvariants(randomWeights(CNN, 2), GRAPH))).toBeGreaterThan(5);
  });

  it('is continuous: small changes of the weights make small changes', () => {
    const original = randomWeights(CNN, 3);
    const invariants = computeInvariants(original, GRAPH);
    const steps = [1e-2, 1e-3, 1e-4].map(
      (step) => distance(invariants, computeInvariants(plus(original, randomWeights(CNN, 4), step), GRAPH)) / step,
    );
    for (const ratio of steps) expect(ratio).toBeLessThan(200);
  });

  it('has mean 0 and rms 1 a tensor, and no tensor without a place', () => {
    const weights = new Map(randomWeights(CNN, 5)).set('stranger', { shape: [3], data: new Float32Array(3) });
    const invariants = computeInvariants(weights, GRAPH);
    expect([...invariants.keys()].sort()).toEqual([...GRAPH.tensors.keys()].sort());
    for (const values of invariants.values()) {
      expect(values.reduce((a, b) => a + b, 0) / values.length).toBeCloseTo(0, 4);
      expect(values.reduce((a, b) => a + b * b, 0) / values.length).toBeCloseTo(1, 4);
    }
  });
});

describe('centreTensors', () => {
  it('takes out what all units share', () => {
    const shared = new Map(randomWeights(CNN, 1)).set('c1.bias', { shape: [8], data: new Float32Array(8).fill(0.3) });
    const centred = centreTensors(shared, GRAPH);
    expect(centred.get('c1.bias')).toEqual(new Float32Array(8));
    const values = centred.get('f3.weight') ?? new Float32Array();
    for (let row = 0; row < 4; row++)
      expect(values.slice(row * 12, row * 12 + 12).reduce((a, b) => a + b, 0)).toBeCloseTo(0, 4);
  });

  it('moves with the units', () => {
    const weights = randomWeights(CNN, 2);
    const units = new Map([['a', shuffled(8, uniform(1))]]);
    const moved = centreTensors(transformUnits(weights, GRAPH, { units, factors: new Map() }), GRAPH);
    const expected = transformUnits(asWeights(weights, centreTensors(weights, GRAPH)), GRAPH, {
      units,
      factors: new Map(),
    });
    expect(largestDifference(expected, asWeights(weights, moved))).toBeLessThan(1e-6);
  });
});

function asWeights(weights: Weights, values: ReadonlyMap<string, Float32Array>): Weights {
  return new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: values.get(name) ?? data }]));
}
