import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalShape, findUnitAxes } from '../../src/sketch/canonical-shape.ts';
import { spaceOf } from '../../src/sketch/space.ts';

test.each([
  { shape: [], canonical: [] },
  { shape: [1, 1], canonical: [] },
  { shape: [64, 784], canonical: [64, 784] },
  { shape: [784, 64], canonical: [64, 784] },
  { shape: [8, 1, 5, 5], canonical: [5, 5, 8] },
  { shape: [5, 5, 1, 8], canonical: [5, 5, 8] },
])('shape $shape is $canonical', ({ shape, canonical }) => {
  expect(canonicalShape(shape)).toEqual(canonical);
});

test.each([
  { shape: [784, 64], rows: 784, columns: 64, positions: 1 },
  { shape: [6, 8, 5, 5], rows: 6, columns: 8, positions: 25 },
  { shape: [5, 5, 8, 6], rows: 8, columns: 6, positions: 25 },
  { shape: [64, 64, 3, 3], rows: 64, columns: 64, positions: 9 },
  { shape: [3, 3, 64, 64], rows: 64, columns: 64, positions: 9 },
  { shape: [32, 16, 7], rows: 32, columns: 16, positions: 7 },
  { shape: [7, 16, 32], rows: 16, columns: 32, positions: 7 },
  { shape: [8, 4, 3, 3, 3], rows: 8, columns: 4, positions: 27 },
  { shape: [3, 3, 3, 4, 8], rows: 4, columns: 8, positions: 27 },
])('the units of $shape', ({ shape, rows, columns, positions }) => {
  const units = findUnitAxes(shape);
  expect([shape[units?.rows ?? -1], shape[units?.columns ?? -1], units?.positions]).toEqual([rows, columns, positions]);
});

test.each([{ shape: [] }, { shape: [7] }, { shape: [1, 7] }, { shape: [1, 1, 7, 1] }])(
  '$shape is no matrix',
  ({ shape }) => {
    expect(findUnitAxes(shape)).toBeUndefined();
  },
);

test('a kernel has the same units in both layouts', () => {
  const size = fc.integer({ min: 2, max: 9 });
  fc.assert(
    fc.property(fc.tuple(size, size, size, size), ([out, input, height, width]) => {
      fc.pre(out * input !== height * width);
      const first = [out, input, height, width];
      const last = [height, width, input, out];
      const a = findUnitAxes(first);
      const b = findUnitAxes(last);
      const sizes = (shape: readonly number[], rows = -1, columns = -1) => [shape[rows], shape[columns]].sort();
      expect(sizes(first, a?.rows, a?.columns)).toEqual(sizes(last, b?.rows, b?.columns));
    }),
  );
});

test('a space does not depend on names, order, layout, counters or optimizer state', () => {
  const weights = [
    { shape: [64, 784], role: 'weight' as const },
    { shape: [64], role: 'weight' as const },
  ];
  const moved = [
    { shape: [1, 64], role: 'weight' as const },
    { shape: [784, 64], role: 'weight' as const },
    { shape: [], role: 'weight' as const },
    { shape: [64, 784], role: 'optimizer' as const },
  ];
  expect(spaceOf(moved)).toBe(spaceOf(weights));
  expect(spaceOf([...weights, { shape: [64], role: 'weight' }])).not.toBe(spaceOf(weights));
  expect(spaceOf([{ shape: [6, 4], role: 'weight' }])).not.toBe(spaceOf([{ shape: [64], role: 'weight' }]));
});
