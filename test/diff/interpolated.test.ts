import { describe, expect, it } from 'vitest';
import { isInterpolated } from '../../src/diff/interpolated.ts';
import type { WeightArray } from '../../src/tensors/weights.ts';
import { createGaussian, toBf16 } from '../lineage/alter.ts';

const WIDTH = 24;

function draw(rows: number, seed: number): WeightArray {
  const gaussian = createGaussian(seed);
  return { shape: [1, rows, WIDTH], data: Float32Array.from({ length: rows * WIDTH }, gaussian) };
}

/** A table of `rows`, each on the line between two of the given one. */
function stretch({ shape, data }: WeightArray, rows: number): WeightArray {
  const last = (shape[1] ?? 1) - 1;
  const out = Float32Array.from({ length: rows * WIDTH }, (_, i) => {
    const at = (Math.floor(i / WIDTH) * last) / (rows - 1);
    const low = Math.floor(at);
    const value = (row: number) => data[Math.min(row, last) * WIDTH + (i % WIDTH)] ?? 0;
    return value(low) * (1 - at + low) + value(low + 1) * (at - low);
  });
  return { shape: [1, rows, WIDTH], data: out };
}

const inBf16 = (tensor: WeightArray) => toBf16(new Map([['table', tensor]])).get('table') ?? tensor;

describe('a table of positions of another length', () => {
  const table = draw(6, 1);

  it.each([
    ['interpolated', stretch(table, 11), true],
    ['interpolated, in half precision', inBf16(stretch(table, 11)), true],
    ['with new rows between', { shape: [1, 11, WIDTH], data: draw(11, 2).data }, false],
    ['of the same length', table, false],
  ])('%s: %s', (_, longer, expected) => {
    expect(isInterpolated(longer, table, 1)).toBe(expected);
  });

  it('says nothing where the rows span most of the space', () => {
    const wide = draw(20, 3);
    expect(isInterpolated(stretch(wide, 30), wide, 1)).toBe(false);
  });
});
