import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../src/lineage/pattern-set.ts';
import { countSharedValues, findSharedValues } from '../../src/lineage/shared-values.ts';

/** Few different patterns, so that they meet, and any others. */
const patterns = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 2 ** 32 - 1 })));
const values = fc.array(
  fc.oneof(fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, 0.5, -0.5, 2, 3), fc.float()),
  { minLength: 8, maxLength: 40 },
);

function gather(list: readonly number[]): PatternSet {
  const set = new PatternSet(list.length);
  for (const pattern of list) set.add(pattern);
  return set;
}

const once = (list: readonly number[]) =>
  new Set(list.filter((x) => list.filter((y) => Object.is(x + 0, y + 0)).length === 1));

describe('a set of bit patterns', () => {
  it('tells what a list holds, and what it holds once', () => {
    fc.assert(
      fc.property(patterns, patterns, (list, other) => {
        const [set, asked] = [gather(list), gather(other)];
        expect(set.size).toBe(new Set(list).size);
        for (const pattern of [...list, ...other]) expect(set.hasOnce(pattern)).toBe(once(list).has(pattern));
        expect(set.countCommon(asked)).toBe([...once(list)].filter((pattern) => once(other).has(pattern)).length);
      }),
    );
  });

  it('counts shared values as sets of numbers do', () => {
    fc.assert(
      fc.property(values, values, (left, right) => {
        const length = Math.min(left.length, right.length);
        const [a, b] = [left, right].map((list) => Float32Array.from(list.slice(0, length)));
        if (a === undefined || b === undefined) return;
        const [onceA, onceB] = [once([...a]), once([...b])];
        const count = [...a].filter((x, i) => x !== 0 && x === b[i] && onceA.has(x) && onceB.has(x)).length;
        const common = [...onceA].filter((x) => x !== 0 && onceB.has(x)).length;
        const weights = (data: Float32Array) => new Map([['w', { shape: [data.length], data }]]);
        const shared = countSharedValues(weights(a), weights(b));
        expect(shared.count).toBe(count);
        expect(shared.expected).toBe(Math.max(common - count, 1) / length);
      }),
    );
  });
});

describe('findSharedValues', () => {
  const draw = (start: number) => Float32Array.from({ length: 40 }, (_, i) => start + i / 64);
  const weights = (data: Float32Array) => new Map([['a.w', { shape: [data.length], data }]]);
  const sharing = (count: number) => draw(1).map((x, i) => (i < count ? x : -x));

  it('counts as countSharedValues does where a tensor has eight equal values in their places', () => {
    const [a, b] = [weights(draw(1)), weights(sharing(8))];
    expect(findSharedValues(a, b)).toEqual(countSharedValues(a, b));
    expect(findSharedValues(a, b)).toMatchObject({ count: 8, tensors: ['a.w'] });
  });

  it('finds nothing below that, as the tensors that count are none', () => {
    const [a, b] = [weights(draw(1)), weights(sharing(7))];
    expect(countSharedValues(a, b).tensors).toEqual([]);
    expect(findSharedValues(a, b)).toMatchObject({ count: 0, tensors: [], logPValue: 0 });
  });
});
