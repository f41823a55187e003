import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axisOrders, reorderedOffsets } from '../../src/diff/axis-orders.ts';
import { bringInto } from '../../src/diff/bring-into.ts';
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

describe('matchTensors', () => {
  const weights = drawWeights(1);

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
    expect(pair?.order).toEqual([1, 0]);
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

  it('visits every element of a tensor once, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (shape, keys) => {
          const order = shape
            .map((_, axis) => ({ axis, key: keys.next().value }))
            .sort((a, b) => a.key - b.key)
            .map(({ axis }) => axis);
          const offsets = [...reorderedOffsets(shape, order, 1)].sort((a, b) => a - b);
          expect(offsets).toEqual(offsets.map((_, i) => i));
        },
      ),
    );
  });
});
