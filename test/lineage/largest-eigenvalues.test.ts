import { expect, it } from 'vitest';
import { singularValues } from '../../src/diff/singular-values.ts';
import { topOfSpectrum } from '../../src/lineage/largest-eigenvalues.ts';
import { gaussian, uniform } from '../symmetry/random.ts';

it.each([
  [30, 50, 0],
  [50, 30, 0],
  [200, 240, 0],
  [240, 150, 3],
  [300, 80, 1],
])('finds the largest of a %i x %i matrix of noise, with %i strong directions', (rows, columns, strong) => {
  const next = gaussian(uniform(rows));
  const data = Float64Array.from({ length: rows * columns }, next);
  for (let k = 0; k < strong; k++) {
    const [a, b] = [rows, columns].map((length) => Float64Array.from({ length }, next));
    data.forEach((x, i) => {
      data[i] = x + 0.5 * (k + 1) * (a?.[Math.floor(i / columns)] ?? 0) * (b?.[i % columns] ?? 0);
    });
  }
  const all = singularValues({ rows, columns, data });
  const { largest, total } = topOfSpectrum({ rows, columns, data }, 4);
  for (const [i, value] of largest.entries()) expect(value / (all[i] ?? 0) ** 2).toBeCloseTo(1, 4);
  expect(total).toBeCloseTo(
    all.reduce((sum, x) => sum + x * x, 0),
    3,
  );
});
