import { describe, expect, it } from 'vitest';
import { createDistances } from '../../src/lineage/distances.ts';
import { takeInTurned, turnEnd } from '../../src/lineage/turn-end.ts';
import { gaussian } from './pile.ts';

const COORDINATES = 400;

/**
 * Gradient descent with noise in a long valley: the gradient leads along it, every checkpoint is off its floor by what noise and rate leave, and settles on it
 * when the rate falls.
 */
function descend(checkpoints: number, slowFrom: number, seed: number): readonly Float32Array[] {
  const draw = gaussian(seed);
  let at = new Float32Array(COORDINATES);
  const points: Float32Array[] = [];
  for (let k = 0; k < checkpoints; k++) {
    const rate = k < slowFrom ? 0.3 : 0.01;
    for (let step = 0; step < 5; step++) {
      at = at.map((x, i) => (i === 0 ? x + 3 * rate : x - rate * (x + draw())));
    }
    points.push(at);
  }
  return points;
}

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const inOrder = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('the end of a run whose learning rate has fallen', () => {
  it.each(SEEDS)('is turned forward (seed %i)', (seed) => {
    const distances = createDistances(descend(14, 10, seed));
    const forward = inOrder(14);
    const backward = [...forward.slice(0, 9), 13, 12, 11, 10, 9];
    const length = (chain: readonly number[]) =>
      chain.slice(1).reduce((sum, node, i) => sum + distances.length(chain[i] ?? 0, node), 0);
    expect(length(backward)).toBeLessThan(1.02 * length(forward));
    expect(turnEnd(backward, distances)).toEqual(forward);
    expect(turnEnd(forward, distances)).toEqual(forward);
  });

  it.each(SEEDS)('is taken into the run that goes on (seed %i)', (seed) => {
    const distances = createDistances(descend(20, 10, seed));
    const trunk = [...inOrder(9), 13, 14, 15, 16, 17, 18, 19];
    expect(takeInTurned(trunk, [12, 11, 10, 9], 13, distances)).toEqual(inOrder(20));
  });
});

describe('a single checkpoint after the learning rate has fallen', () => {
  const swapped = [...inOrder(9), 10, 9];

  it.each(SEEDS)('stands where its own counter says, as the weights leave it open (seed %i)', (seed) => {
    const distances = createDistances(descend(11, 10, seed));
    expect(turnEnd(swapped, distances)).toEqual(swapped);
    expect(turnEnd(swapped, distances, inOrder(11))).toEqual(inOrder(11));
    expect(turnEnd(inOrder(11), distances, inOrder(11))).toEqual(inOrder(11));
  });

  it.each(SEEDS)('is not moved by a counter where the weights say otherwise (seed %i)', (seed) => {
    const distances = createDistances(descend(14, 10, seed));
    const lying = [...inOrder(9), 13, 12, 11, 10, 9];
    const counters = Float64Array.from(lying, (node) => lying.indexOf(node));
    expect(turnEnd(inOrder(14), distances, counters)).toEqual(inOrder(14));
  });
});

describe('a run at one rate', () => {
  it.each(SEEDS)('stays as it is (seed %i)', (seed) => {
    const distances = createDistances(descend(14, 14, seed));
    expect(turnEnd(inOrder(14), distances)).toEqual(inOrder(14));
  });

  it('keeps a branch of its own', () => {
    const line = (from: readonly number[], step: readonly number[], count: number) =>
      Array.from({ length: count }, (_, i) => Float32Array.from(from, (x, d) => x + (i + 1) * (step[d] ?? 0)));
    const points = [...line([0, 0], [1, 0], 10), ...line([5, 0], [0.3, 0.9], 4)];
    expect(takeInTurned(inOrder(10), [10, 11, 12, 13], 4, createDistances(points))).toBeUndefined();
  });
});
