import { describe, expect, it } from 'vitest';
import { applyFreeMatch, matchFreely, movesUnits } from '../../src/symmetry/match-freely.ts';
import type { WeightArray } from '../../src/tensors/weights.ts';
import { randomWeights, shuffled, uniform } from './random.ts';

function tensorOf(shape: readonly number[], seed: number): WeightArray {
  return randomWeights({ t: shape }, seed).get('t') ?? { shape, data: new Float32Array() };
}

/** Rounded to levels of a fortieth of the largest value: a coarse int8. */
function quantized({ shape, data }: WeightArray): WeightArray {
  const step = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 40;
  return { shape, data: data.map((x) => Math.round(x / step) * step) };
}

describe('matching rows and columns without knowing what they are', () => {
  it.each([
    ['rows and columns of a matrix', [40, 30], true, true],
    ['rows alone', [40, 30], true, false],
    ['columns alone', [40, 30], false, true],
    ['filters and channels of a convolution', [24, 16, 3, 3], true, true],
    ['a matrix with more rows than are assigned one to one', [800, 12], true, true],
    ['a vector', [50], true, false],
  ] as const)('undoes the order of %s', (_, shape, moveRows, moveColumns) => {
    const original = tensorOf(shape, 3);
    const random = uniform(5);
    const identity = (n: number) => Int32Array.from({ length: n }, (_, i) => i);
    const rows = moveRows ? shuffled(shape[0], random) : identity(shape[0]);
    const columns = shape[1] === undefined ? undefined : moveColumns ? shuffled(shape[1], random) : identity(shape[1]);
    const moved = applyFreeMatch(original, columns ? { rows, columns } : { rows });
    const match = matchFreely(moved, original);
    expect(movesUnits(match)).toBe(true);
    expect([...match.rows]).toEqual([...rows]);
    expect(applyFreeMatch(original, match)).toEqual(moved);
    // Levels of a vector are the same for many units.
    if (shape.length > 1) expect(matchFreely(quantized(moved), original).rows).toEqual(rows);
  });

  it('leaves what stands in its place', () => {
    const tensor = tensorOf([20, 12], 1);
    expect(movesUnits(matchFreely(tensor, tensor))).toBe(false);
  });
});
