import { describe, expect, it } from 'vitest';
import { axisOrders } from '../../src/diff/axis-orders.ts';
import { bringInto } from '../../src/diff/bring-into.ts';
import { frameworkLayouts, layoutContext } from '../../src/diff/find-layouts.ts';
import { invertLayout, layoutOffsets } from '../../src/diff/layout.ts';
import { matchTensors, type TensorSet } from '../../src/diff/match-tensors.ts';
import { parseContentId } from '../../src/objects/ids.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createGaussian, rename, transpose } from '../lineage/alter.ts';

const SHAPES = {
  'conv.weight': [8, 3, 5, 5],
  'conv.bias': [8],
  'fc.weight': [10, 72],
  'fc.bias': [10],
  'mid.weight': [12, 12],
  'mid.bias': [12],
};

function drawWeights(seed: number): Weights {
  const gaussian = createGaussian(seed);
  return new Map(
    Object.entries(SHAPES).map(([name, shape]) => [
      name,
      { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, gaussian) },
    ]),
  );
}

const setOf = (weights: Weights, withValues = true): TensorSet => ({
  tensors: [...weights].map(([name, { shape }]) => ({ name, shape })),
  ...(withValues ? { weights } : {}),
});

const weights = drawWeights(1);

describe('matchTensors', () => {
  it('pairs tensors by name and shape, without a choice to pay for', () => {
    const matching = matchTensors(setOf(weights), setOf(weights));
    expect(matching.pairs.map((pair) => [pair.query, pair.candidate])).toEqual(
      [...weights.keys()].map((name) => [name, name]),
    );
    expect(matching.logChoices).toBe(0);
  });

  it('looks behind a prefix that all names share', () => {
    const matching = matchTensors(
      setOf(
        rename(weights, (name) => `module.${name}`),
        false,
      ),
      setOf(weights, false),
    );
    expect(matching.pairs).toHaveLength(weights.size);
    for (const pair of matching.pairs) expect(pair.query).toBe(`module.${pair.candidate}`);
  });

  it('pairs equal contents under other names', () => {
    const content = parseContentId('ab'.repeat(32));
    const [query, candidate] = [
      { name: 'x', shape: [4], content },
      { name: 'y', shape: [4], content },
    ];
    const other = { name: 'z', shape: [4] };
    expect(matchTensors({ tensors: [query] }, { tensors: [other, candidate] }).pairs).toEqual([
      { query: 'x', candidate: 'y' },
    ]);
  });

  it('finds renamed and transposed tensors by their values', () => {
    const other = rename(transpose(weights), (_, i) => `p${5 - i}`);
    const matching = matchTensors(setOf(other), setOf(weights));
    expect(matching.pairs).toHaveLength(weights.size);
    expect(matching.logChoices).toBeGreaterThan(0);
    const brought = bringInto(matching.pairs, weights);
    for (const [name, { shape, data }] of other) expect(brought.get(name)).toEqual({ shape, data });
  });

  it('turns a square tensor that keeps its name', () => {
    const other = transpose(weights);
    const pair = matchTensors(setOf(other), setOf(weights)).pairs.find(({ query }) => query === 'mid.weight');
    expect(pair?.layout?.order).toEqual([1, 0]);
  });

  it('sets tensors of one name and another shape apart', () => {
    const head = new Map([...weights, ['fc.weight', { shape: [7, 72], data: new Float32Array(504) }]]);
    const matching = matchTensors(setOf(head), setOf(weights));
    expect(matching.reshaped).toEqual([{ query: 'fc.weight', candidate: 'fc.weight' }]);
    expect(matching.pairs.some(({ query }) => query === 'fc.weight')).toBe(false);
  });

  it('says what only one side has', () => {
    const matching = matchTensors(
      setOf(new Map([...weights, ['extra', { shape: [3, 3, 3], data: new Float32Array(27) }]])),
      setOf(weights),
    );
    expect(matching.onlyQuery).toEqual(['extra']);
    expect(matching.onlyCandidate).toEqual([]);
  });

  it('leaves strangers of one name as they are, and counts what it looked at', () => {
    const matching = matchTensors(setOf(drawWeights(2)), setOf(weights));
    expect(matching.pairs).toHaveLength(weights.size);
    expect(matching.logChoices).toBeGreaterThan(0);
  });
});

describe('axisOrders', () => {
  it('knows the conventions of frameworks', () => {
    expect(axisOrders([5, 5, 3, 8], [8, 3, 5, 5])).toEqual([
      [3, 2, 0, 1],
      [3, 2, 1, 0],
    ]);
    expect(axisOrders([4, 6], [6, 4])).toEqual([[1, 0]]);
    expect(axisOrders([4, 6], [6, 5])).toEqual([]);
    expect(axisOrders([2, 3, 4], [3, 4, 2])).toEqual([[1, 2, 0]]);
  });
});

describe('layouts', () => {
  const context = layoutContext([
    [6, 3, 3, 3],
    [20, 5],
  ]);
  const layouts = frameworkLayouts([4, 24], [24, 4], context);

  it('split a flattened map into channels and positions, and gates into their orders', () => {
    expect(layouts.map(({ view, order }) => [view, order])).toContainEqual([
      [4, 6, 4],
      [2, 1, 0],
    ]);
    expect(frameworkLayouts([20, 5], [20, 5], context).map(({ shuffle }) => shuffle?.from)).toContainEqual([
      0, 3, 1, 2,
    ]);
  });

  it.each([...layouts, ...frameworkLayouts([20, 5], [20, 5], context)])(
    'visit every element once, and back: %j',
    (layout) => {
      const there = layoutOffsets(layout, 1);
      const back = layoutOffsets(invertLayout(layout, [4, 24]), 1);
      expect([...there].sort((a, b) => a - b)).toEqual([...there.keys()]);
      expect([...back].map((k) => there[k])).toEqual([...there.keys()]);
    },
  );

  it('of a dense layer behind a convolution are found by the values', () => {
    const conv = weights.get('conv.weight');
    const dense = weights.get('fc.weight');
    if (!conv || !dense) throw new Error('The test has both.');
    // (10, 8 channels, 9 positions) as a channels-last framework keeps it: (9 positions x 8 channels, 10).
    const kept = layoutOffsets({ view: [10, 8, 9], order: [2, 1, 0], shape: [72, 10] }, 1);
    const other: Weights = new Map([
      ['conv2d/kernel', conv],
      ['dense/kernel', { shape: [72, 10], data: Float32Array.from(kept, (k) => dense.data[k] ?? 0) }],
    ]);
    const matching = matchTensors(setOf(weights), setOf(other));
    expect(bringInto(matching.pairs, other).get('fc.weight')).toEqual(dense);
  });
});
