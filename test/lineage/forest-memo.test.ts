import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ForestMemo, NearestLists } from '../../src/lineage/forest-memo.ts';
import type { MemoryEntry } from '../../src/lineage/memory-archive.ts';
import type { Forest } from '../../src/lineage/model.ts';
import { findNearest, updateNearest } from '../../src/lineage/nearest.ts';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { createRandom } from '../zoo/random.ts';
import { archiveOf, divert, matrix, moveOn, startMotion, toEntry } from './pile.ts';

function createMemo(): ForestMemo & { readonly hits: () => number } {
  const forests = new Map<string, Forest>();
  const lists = new Map<string, NearestLists>();
  const numbers = new Map<string, readonly number[]>();
  const texts = new Map<string, string>();
  let hits = 0;
  return {
    hits: () => hits,
    forest(key) {
      const found = forests.get(key);
      if (found !== undefined) hits += 1;
      return found;
    },
    rememberForest: (key, forest) => void forests.set(key, forest),
    numbers: (key) => numbers.get(key),
    rememberNumbers: (key, found) => void numbers.set(key, found),
    text: (key) => texts.get(key),
    rememberText: (key, text) => void texts.set(key, text),
    nearest: (key) => lists.get(key),
    rememberNearest: (key, found) => void lists.set(key, found),
  };
}

function shuffle<T>(items: readonly T[], seed: number): readonly T[] {
  const random = createRandom(seed);
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

describe('updateNearest', () => {
  it('says what findNearest says, whatever came and went, ties included', () => {
    // Few values of few coordinates: many points are equally far, or the same.
    const point = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 3, maxLength: 3 });
    const pile = fc.array(fc.record({ point, before: fc.boolean(), after: fc.boolean() }), { maxLength: 40 });
    fc.assert(
      fc.property(pile, fc.integer({ min: 1, max: 6 }), (all, k) => {
        const named = all.map((one, i) => ({
          ...one,
          id: String(i).padStart(3, '0'),
          vector: Float32Array.from(one.point),
        }));
        const [old, now] = [named.filter(({ before }) => before), named.filter(({ after }) => after)];
        const vectors = now.map(({ vector }) => vector);
        const near = findNearest(
          old.map(({ vector }) => vector),
          k,
        );
        const updated = updateNearest(
          { ids: old.map(({ id }) => id), near },
          now.map(({ id }) => id),
          vectors,
          k,
        );
        expect(updated).toEqual(findNearest(vectors, k));
      }),
      { numRuns: 500 },
    );
  });
});

describe('recoverForest with a memo', () => {
  let all: readonly MemoryEntry[];
  beforeAll(async () => {
    const runs = [1, 2, 3].map((seed) => moveOn(startMotion(seed), 8, seed));
    const from = runs[0]?.[3];
    const fork = from === undefined ? [] : moveOn(divert(from, 40), 5, 41);
    const named = [...runs, fork].flatMap((run, r) => run.map(({ at }, i) => toEntry(`${r}/${i}`, matrix(at))));
    const strangers = [7, 8].map((seed) => toEntry(`stranger ${seed}`, matrix(startMotion(100 + seed).at)));
    const again = runs[1]?.[2];
    const copies = again === undefined ? [] : [toEntry('copy', matrix(again.at))];
    all = await Promise.all([...named, ...strangers, ...copies]);
  });

  it.each([1, 2, 3])('ends in the forest of the whole after every arrival, in order %i', async (seed) => {
    const memo = createMemo();
    const order = shuffle(all, seed);
    for (let count = 1; count <= order.length; count++) {
      const pile = order.slice(0, count);
      const whole = await recoverForest(pile, archiveOf(pile));
      expect(await recoverForest(pile, archiveOf(pile), { memo })).toEqual(whole);
    }
    expect(memo.hits()).toBeGreaterThan(order.length);
  });

  it('ends in the forest of the rest when some are gone', async () => {
    const memo = createMemo();
    await recoverForest(all, archiveOf(all), { memo });
    for (const seed of [4, 5, 6]) {
      const pile = shuffle(all, seed).slice(0, 20);
      expect(await recoverForest(pile, archiveOf(pile), { memo })).toEqual(await recoverForest(pile, archiveOf(pile)));
    }
  });
});
