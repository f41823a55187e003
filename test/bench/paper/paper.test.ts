import { describe, expect, it } from 'vitest';
import { pythonHas, runPython } from '../../peers.ts';
import { createRandom } from '../../zoo/random.ts';
import { cluster, cutInto, distancesBetween } from './linkage.ts';
import { principalComponents } from './reduce.ts';
import {
  orderByChain,
  orderByJoining,
  scoreOrders,
  separationOf,
  shrinkingShare,
  turnCosines,
} from './trajectories.ts';

const random = createRandom(5);
const VECTORS = Array.from({ length: 12 }, () => Float32Array.from({ length: 5 }, () => random() - 0.5));
/** Goes straight on in steps that shrink. */
const SHRINKING = [0, 8, 12, 14, 15].map((x) => Float32Array.of(x, 1));

describe('clustering', () => {
  it.skipIf(!pythonHas('scipy')).each(['single', 'average'] as const)(
    'joins at the heights of SciPy (%s)',
    (linkage) => {
      const script = `
import json, sys
from scipy.cluster.hierarchy import linkage
print(json.dumps(linkage(json.loads(sys.argv[1]), sys.argv[2])[:, 2].tolist()))`;
      const expected = JSON.parse(runPython(script, JSON.stringify(VECTORS.map((v) => [...v])), linkage));
      const heights = cluster(distancesBetween(VECTORS), linkage).map(({ height }) => height);
      expect(heights).toHaveLength(expected.length);
      for (const [i, height] of heights.entries()) expect(height).toBeCloseTo(expected[i], 6);
    },
  );

  it('cuts into as many clusters as asked', () => {
    const joins = cluster(distancesBetween([0, 10, 1, 11, 50].map((x) => Float32Array.of(x))), 'single');
    const [a, b, c, d, e] = cutInto(joins, 3);
    expect([a === c, b === d, a === b, e === a, e === b]).toEqual([true, true, false, false, false]);
  });
});

describe('principal components', () => {
  it('keep all distances when none is left out', () => {
    const [full, reduced] = [distancesBetween(VECTORS), distancesBetween(principalComponents(VECTORS, 5))];
    for (const [i, value] of full.values.entries()) expect(reduced.values[i]).toBeCloseTo(value, 5);
  });

  it('put the largest variance first', () => {
    const points = principalComponents(VECTORS, 3);
    const variances = [0, 1, 2].map((axis) => points.reduce((sum, point) => sum + (point[axis] ?? 0) ** 2, 0));
    expect(variances.toSorted((a, b) => b - a)).toEqual(variances);
  });
});

describe('the shape of runs', () => {
  it('orders a run whose steps shrink', () => {
    const shuffled = [3, 0, 4, 2, 1].map((i) => SHRINKING[i] ?? new Float32Array(2));
    expect(orderByJoining(shuffled)).toEqual([1, 4, 3, 0, 2]);
    expect(orderByChain(SHRINKING)).toEqual([0, 1, 2, 3, 4]);
  });

  it('measures steps, turns and gaps', () => {
    expect(shrinkingShare([SHRINKING, SHRINKING.toReversed()])).toBe(0.5);
    expect(
      turnCosines(
        [
          [0, 0],
          [1, 0],
          [1, 1],
        ].map((v) => Float32Array.from(v)),
      ),
    ).toEqual([0]);
    expect(separationOf([SHRINKING, SHRINKING.map((v) => v.map((x) => x + 100))])).toBeGreaterThan(10);
    expect(
      scoreOrders([
        [0, 1, 2],
        [2, 1, 0],
        [0, 2, 1],
      ]),
    ).toEqual({ tau: 7 / 9, exact: 2 / 3, forwards: 2 / 3 });
  });
});
