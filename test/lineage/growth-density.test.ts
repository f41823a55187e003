import { describe, expect, it } from 'vitest';
import { createDistances } from '../../src/lineage/distances.ts';
import { growthDensity } from '../../src/lineage/growth-density.ts';

/** Checkpoints on a line, by their places on it. */
const onLine = (places: readonly number[]) => createDistances(places.map((place) => Float32Array.of(place, 0)));
const arm = (nodes: readonly number[], parent?: number) => ({ nodes, parent, follows: false });

describe('how steps grow', () => {
  // A trunk in steps of 10, and a branch from 30 in steps of 3.
  const distances = onLine([0, 10, 20, 30, 40, 50, 60, 33, 36, 39]);
  const right = [arm([0, 1, 2, 3, 4, 5, 6]), arm([7, 8, 9], 3)];
  const exchanged = [arm([0, 1, 2, 3, 7, 8, 9]), arm([4, 5, 6], 3)];

  it('is likelier where each run goes on as it did', () => {
    expect(growthDensity(right, distances)).toBeGreaterThan(growthDensity(exchanged, distances) + 2);
  });

  it('does not ask whether steps shrink, grow or stay as long', () => {
    const density = (factor: number) => {
      const places = [0];
      for (let step = 0; step < 6; step++) places.push((places.at(-1) ?? 0) + factor ** step);
      return growthDensity([arm([...places.keys()])], onLine(places));
    };
    expect(Math.abs(density(Math.exp(-0.3)) - density(1))).toBeLessThan(1);
  });

  it('lets a step jump once, as a learning rate may', () => {
    const jumping = onLine([0, 10, 20, 30, 40, 45, 50, 55]);
    const wild = onLine([0, 10, 12, 22, 24, 34, 36, 46]);
    const run = [arm([0, 1, 2, 3, 4, 5, 6, 7])];
    expect(growthDensity(run, jumping)).toBeGreaterThan(growthDensity(run, wild) + 5);
  });
});
