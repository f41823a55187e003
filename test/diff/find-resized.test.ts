import { describe, expect, it } from 'vitest';
import { logSelections, takeUnits } from '../../src/diff/axis-units.ts';
import { findResized } from '../../src/diff/find-resized.ts';
import { matchInOrder } from '../../src/diff/match-units.ts';
import type { WeightArray, Weights } from '../../src/tensors/weights.ts';
import { createGaussian } from '../lineage/alter.ts';

const gaussian = createGaussian(3);

function draw(...shape: number[]): WeightArray {
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, gaussian) };
}

const places = (...kept: number[]) => Uint32Array.from(kept);
const NONE = { query: [], candidate: [] };
const pairsOf = (weights: Weights) => [...weights.keys()].map((name) => ({ query: name, candidate: name }));

describe('takeUnits', () => {
  it('takes places of any axis', () => {
    const tensor = { shape: [2, 3, 2], data: Float32Array.from({ length: 12 }, (_, i) => i) };
    expect(takeUnits(tensor, 1, places(2, 0))).toEqual({
      shape: [2, 2, 2],
      data: Float32Array.of(4, 5, 0, 1, 10, 11, 6, 7),
    });
    expect([...takeUnits(tensor, 0, places(1)).data]).toEqual([6, 7, 8, 9, 10, 11]);
    expect([...takeUnits(tensor, 2, places(1)).data]).toEqual([1, 3, 5, 7, 9, 11]);
  });
});

describe('logSelections', () => {
  it.each([
    ['the first units', places(0, 1, 2), 1],
    ['units in their order', places(0, 2, 4), 10],
    ['units in any order', places(4, 0, 2), 60],
  ])('counts %s', (_, kept, count) => {
    expect(Math.exp(logSelections(5, kept))).toBeCloseTo(count, 8);
  });
});

describe('matchInOrder', () => {
  it('finds what trying every selection finds', () => {
    for (let round = 0; round < 50; round++) {
      const distances = Float32Array.from({ length: 3 * 6 }, () => Math.abs(gaussian()));
      const sum = (kept: readonly number[]) => kept.reduce((s, j, i) => s + (distances[i * 6 + j] ?? 0), 0);
      let least = Number.POSITIVE_INFINITY;
      for (let a = 0; a < 4; a++)
        for (let b = a + 1; b < 5; b++) for (let c = b + 1; c < 6; c++) least = Math.min(least, sum([a, b, c]));
      expect(sum([...matchInOrder(distances, 3, 6)])).toBeCloseTo(least, 5);
    }
  });
});

describe('findResized', () => {
  const whole: Weights = new Map([
    ['a.weight', draw(20, 32)],
    ['a.bias', draw(20)],
    ['b.weight', draw(24, 20)],
    ['head.weight', draw(10, 24)],
    ['head.bias', draw(10)],
  ]);
  const hidden = places(1, 2, 5, 8, 9, 13, 14, 19);
  const outer = places(0, 3, 4, 6, 7, 8, 9, 10, 15, 17, 20, 23);
  const take = (name: string, axis: number, kept: Uint32Array, from = whole) =>
    takeUnits(from.get(name) ?? draw(1), axis, kept);
  const cut: Weights = new Map([
    ['a.weight', take('a.weight', 0, hidden)],
    ['a.bias', take('a.bias', 0, hidden)],
    ['b.weight', takeUnits(take('b.weight', 1, hidden), 0, outer)],
    ['head.weight', take('head.weight', 1, outer)],
  ]);

  it('follows units from layer to layer, whichever of the two lost them', () => {
    const lost = findResized(pairsOf(cut), NONE, cut, whole);
    const keptBy = new Map(lost.pairs.map(({ query, axes }) => [query, axes]));
    expect(keptBy.get('a.weight')).toEqual([{ axis: 0, larger: 'candidate', size: 20, kept: hidden }]);
    expect(keptBy.get('a.bias')?.[0]?.kept).toEqual(hidden);
    expect(keptBy.get('head.weight')).toEqual([{ axis: 1, larger: 'candidate', size: 24, kept: outer }]);
    expect(
      keptBy
        .get('b.weight')
        ?.map(({ axis }) => axis)
        .sort(),
    ).toEqual([0, 1]);
    expect(lost.logChoices).toBeGreaterThan(logSelections(20, hidden) + logSelections(24, outer));
    const grown = findResized(pairsOf(cut), NONE, whole, cut);
    expect(grown.pairs.flatMap(({ axes }) => axes.map(({ larger }) => larger))).toEqual(Array(5).fill('query'));
  });

  it('finds units in any order', () => {
    const order = places(19, 3, 7, 0, 12);
    const mixed: Weights = new Map([['a.weight', take('a.weight', 0, order)]]);
    expect(findResized(pairsOf(mixed), NONE, mixed, whole).pairs[0]?.axes[0]?.kept).toEqual(order);
  });

  it('pairs a table of another name and size', () => {
    const table: Weights = new Map([['wte', draw(40, 16)]]);
    const longer: Weights = new Map([['embd', { shape: [44, 16], data: draw(44, 16).data }]]);
    longer.get('embd')?.data.set(table.get('wte')?.data ?? []);
    const unpaired = { query: ['embd'], candidate: ['wte'] };
    expect(findResized([], unpaired, longer, table).pairs).toMatchObject([{ query: 'embd', candidate: 'wte' }]);
  });

  it('finds nothing in heads that were drawn anew, nor in their biases', () => {
    for (const rows of [2, 5, 9, 11, 300]) {
      for (const width of [16, 24, 64]) {
        const before: Weights = new Map([
          ['head.weight', draw(10, width)],
          ['head.bias', draw(10)],
        ]);
        const after: Weights = new Map([
          ['head.weight', draw(rows, width)],
          ['head.bias', draw(rows)],
        ]);
        expect(findResized(pairsOf(after), NONE, after, before).pairs).toEqual([]);
      }
    }
  });
});
