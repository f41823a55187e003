import { describe, expect, it } from 'vitest';
import { compareTensors } from '../../src/diff/compare-tensors.ts';
import { numericalRank, roundingFloor, singularValues } from '../../src/diff/singular-values.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { addLowRank, addNoise, createGaussian, mapTensors, prune, toBf16, transpose } from '../lineage/alter.ts';

const gaussian = createGaussian(3);
const weights: Weights = new Map([['w', { shape: [16, 24], data: Float32Array.from({ length: 384 }, gaussian) }]]);
const PAIRS = [{ query: 'w', candidate: 'w' }];

const sparse = (w: Weights) => mapTensors(w, ({ data }) => data.map((x, i) => (i % 30 === 0 ? x + 1 : x)));

describe('compareTensors', () => {
  const cases: readonly (readonly [string, Weights, object])[] = [
    ['the same', weights, { status: 'same', kind: 'same', relativeChange: 0, cosine: 1, changedShare: 0, rank: 0 }],
    ['rounded to bf16', toBf16(weights), { status: 'changed', kind: 'rounding' }],
    ['pruned', prune(weights, 0.5), { kind: 'zeroed', changedShare: 0.5 }],
    ['scaled', mapTensors(weights, ({ data }) => data.map((x) => 2 * x)), { kind: 'scaled', relativeChange: 1 }],
    ['sparse', sparse(weights), { kind: 'sparse' }],
    ['low rank', addLowRank(weights, 3, 0.3, 5), { kind: 'low-rank', rank: 3 }],
    ['dense', addNoise(weights, 0.1, 5), { kind: 'dense', rank: 16, changedShare: 1 }],
  ];

  it.each(cases)('tells a change that is %s', (_, changed, expected) => {
    expect(compareTensors(changed, weights, PAIRS)).toEqual([expect.objectContaining(expected)]);
  });

  it('measures the change of a matrix against where it started', () => {
    const [change] = compareTensors(addNoise(weights, 0.1, 5), weights, PAIRS);
    expect(change?.relativeChange).toBeCloseTo(0.1, 2);
    expect(change?.cosine).toBeCloseTo(1 / Math.sqrt(1.01), 3);
  });

  it('turns axes before it compares', () => {
    const turned = transpose(weights);
    const layout = { view: weights.get('w')?.shape ?? [], order: [1, 0], shape: turned.get('w')?.shape ?? [] };
    const [change] = compareTensors(turned, weights, [{ query: 'w', candidate: 'w', layout }]);
    expect(change).toMatchObject({ kind: 'turned', changedShare: 0 });
  });

  it('measures nothing across shapes', () => {
    const other: Weights = new Map([['w', { shape: [4], data: new Float32Array(4) }]]);
    expect(compareTensors(other, weights, PAIRS)).toEqual([
      expect.objectContaining({ status: 'reshaped', relativeChange: null, cosine: null }),
    ]);
  });

  it('counts NaN as equal to NaN, and lets none of them spread', () => {
    const spoiled = mapTensors(weights, ({ data }) => data.map((x, i) => (i === 7 ? Number.NaN : x)));
    expect(compareTensors(spoiled, spoiled, PAIRS)[0]).toMatchObject({ status: 'same', cosine: 1 });
    const [change] = compareTensors(spoiled, weights, PAIRS);
    expect(change?.changedShare).toBeCloseTo(1 / 384);
    expect(change?.relativeChange).toBe(0);
  });
});

describe('singularValues', () => {
  it('gives those of a diagonal matrix, largest first, on either side', () => {
    const data = Float64Array.from([3, 0, 0, 0, 0, 5]);
    expect([...singularValues({ rows: 2, columns: 3, data })]).toEqual([5, 3]);
    expect([...singularValues({ rows: 3, columns: 2, data: Float64Array.from([3, 0, 0, 5, 0, 0]) })]).toEqual([5, 3]);
  });

  it('has no rank where only rounding differs', () => {
    const data = Float64Array.from({ length: 384 }, () => 5e-8 * gaussian());
    expect(numericalRank(singularValues({ rows: 16, columns: 24, data }), roundingFloor(3, 16, 24))).toBe(0);
  });
});
