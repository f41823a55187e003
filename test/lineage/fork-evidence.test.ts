import { describe, expect, it } from 'vitest';
import { createDistances } from '../../src/lineage/distances.ts';
import { probabilityWithinOne, weighFork } from '../../src/lineage/fork-evidence.ts';
import { createRandom } from '../zoo/random.ts';

const SIZE = 256;

/** A walk of `steps` checkpoints with drift and noise of its own, from a point. */
function walk(from: Float32Array, steps: number, seed: number): readonly Float32Array[] {
  const random = createRandom(seed);
  const path: Float32Array[] = [];
  let at = from;
  for (let i = 0; i < steps; i++) {
    at = at.map((x, k) => x + (k % 7 === 0 ? 0.3 : 0) + 2 * (random() - 0.5));
    path.push(at);
  }
  return path;
}

describe('weighFork', () => {
  it.each([2, 4, 6])('finds that a branch leaves after checkpoint %i', (fork) => {
    const trunk = walk(new Float32Array(SIZE), 9, 1);
    const points = [...trunk, ...walk(trunk[fork] ?? new Float32Array(SIZE), 4, 7)];
    const options = weighFork([9, 10, 11, 12], [...trunk.keys()], createDistances(points));
    expect(options[0]).toMatchObject({ candidate: fork, place: fork });
    expect(options[0]?.probability).toBeGreaterThan(0.5);
    expect(options.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 1);
    expect(probabilityWithinOne(options)).toBeGreaterThanOrEqual(options[0]?.probability ?? 1);
  });

  it('does not choose where nothing moves', () => {
    const still = Array.from({ length: 4 }, () => new Float32Array(SIZE));
    const options = weighFork([3], [0, 1, 2], createDistances(still));
    expect(options.map(({ probability }) => probability)).toEqual([1 / 3, 1 / 3, 1 / 3]);
  });
});
