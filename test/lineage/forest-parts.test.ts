import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kendallTau } from '../../src/lineage/direction.ts';
import { createDistances, squaredDistance } from '../../src/lineage/distances.ts';
import { hullWeights } from '../../src/lineage/hull.ts';
import { findNearest } from '../../src/lineage/nearest.ts';
import { measureMemory } from '../../src/lineage/order.ts';
import { shortenPath } from '../../src/lineage/shorten-path.ts';
import { buildSpanningTree, measureFrom } from '../../src/lineage/spanning-tree.ts';
import { gaussian } from './pile.ts';

function randomPoints(count: number, dimension: number, seed: number): readonly Float32Array[] {
  const draw = gaussian(seed);
  return Array.from({ length: count }, () => Float32Array.from({ length: dimension }, draw));
}

const line = (values: readonly number[]) => values.map((x) => Float32Array.of(x, 0));

describe('hullWeights', () => {
  const gramOf = (points: readonly (readonly number[])[]) =>
    Float64Array.from(points.flatMap((a) => points.map((b) => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0))));

  it('writes a midpoint as half and half, and gives a far point nothing', () => {
    const weights = hullWeights(
      gramOf([
        [1, 0],
        [-1, 0],
        [0, 5],
      ]),
      3,
    );
    expect(Array.from(weights, (w) => Math.round(w * 1e6) / 1e6)).toEqual([0.5, 0.5, 0]);
  });

  it('satisfies the conditions of an optimum', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (count, dimension, seed) => {
          const points = randomPoints(count, dimension, seed).map((point) => Array.from(point, (x) => x + 0.5));
          const gram = gramOf(points);
          const w = hullWeights(gram, count);
          expect(Math.min(...w)).toBeGreaterThanOrEqual(0);
          expect(w.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 9);
          const slope = Array.from(w, (_, i) => w.reduce((sum, x, j) => sum + x * (gram[i * count + j] ?? 0), 0));
          const least = slope.reduce((sum, s, i) => sum + s * (w[i] ?? 0), 0);
          const scale = Math.max(...gram);
          // No corner of the hull lies further towards the origin than the point that was found.
          for (const s of slope) expect(s - least).toBeGreaterThanOrEqual(-1e-6 * scale);
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });
});

describe('kendallTau', () => {
  it.each([
    { a: [1, 2, 3, 4], b: [1, 2, 3, 4], tau: 1 },
    { a: [1, 2, 3, 4], b: [4, 3, 2, 1], tau: -1 },
    { a: [1, 2, 3, 4], b: [1, 3, 2, 4], tau: 2 / 3 },
    { a: [1, 2, 3], b: [5, 5, 5], tau: 0 },
    // scipy.stats.kendalltau([1, 1, 2, 3, 3, 4], [2, 1, 1, 3, 4, 4])
    { a: [1, 1, 2, 3, 3, 4], b: [2, 1, 1, 3, 4, 4], tau: 9 / 13 },
  ])('of $a and $b is $tau', ({ a, b, tau }) => {
    expect(kendallTau(a, b)).toBeCloseTo(tau, 12);
  });

  it('is what counting all pairs gives', () => {
    const series = fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(series, (pairs) => {
        let sum = 0;
        let tiesX = 0;
        let tiesY = 0;
        pairs.forEach(([x, y], i) => {
          for (const [u, v] of pairs.slice(0, i)) {
            sum += Math.sign(x - u) * Math.sign(y - v);
            tiesX += x === u ? 1 : 0;
            tiesY += y === v ? 1 : 0;
          }
        });
        const all = (pairs.length * (pairs.length - 1)) / 2;
        const scale = Math.sqrt((all - tiesX) * (all - tiesY));
        const tau = kendallTau(
          pairs.map(([x]) => x),
          pairs.map(([, y]) => y),
        );
        expect(tau).toBeCloseTo(scale === 0 ? 0 : sum / scale, 9);
      }),
      { seed: 4 },
    );
  });
});

describe('findNearest', () => {
  it('is what looking at all of them gives', () => {
    const points = randomPoints(150, 96, 5);
    const near = findNearest(points, 7);
    points.forEach((point, self) => {
      const all = points.flatMap((other, index) =>
        index === self ? [] : [{ index, squared: squaredDistance(point, other) }],
      );
      const expected = all.sort((a, b) => a.squared - b.squared).slice(0, 7);
      expect(near[self]?.map(({ index }) => index)).toEqual(expected.map(({ index }) => index));
    });
  });

  it('gives as many as there are', () => {
    expect(findNearest(line([1]), 4)).toEqual([[]]);
    expect(findNearest(line([1, 3]), 4)[0]).toEqual([{ index: 1, squared: 4 }]);
  });
});

describe('chains on a line', () => {
  const values = [4, 0, 3, 1, 2];

  it('shortens a path to the order of the line', () => {
    const distances = createDistances(line(values));
    const path = shortenPath([0, 1, 2, 3, 4], distances).map((i) => values[i] ?? 0);
    expect(path[0] === 0 ? path : path.toReversed()).toEqual([0, 1, 2, 3, 4]);
  });

  it('measures the way along the spanning tree, bridging what neighbour lists leave apart', () => {
    const points = line([0, 1, 2, 50, 51]);
    const distances = createDistances(points);
    const tree = buildSpanningTree(distances, findNearest(points, 1));
    expect(Array.from(measureFrom(tree, 0))).toEqual([0, 1, 2, 50, 51]);
  });

  it('remembers a straight line, a walk and a cloud differently', () => {
    const draw = gaussian(6);
    const dimension = 4096;
    const straight = Array.from({ length: 20 }, (_, t) => new Float32Array(dimension).fill(t));
    const cloud = randomPoints(20, dimension, 7);
    const at = new Float32Array(dimension);
    const walk = cloud.map(() => {
      for (let i = 0; i < dimension; i++) at[i] = (at[i] ?? 0) + draw();
      return at.slice();
    });
    const memory = (points: readonly Float32Array[]) =>
      measureMemory([...points.keys()], createDistances(points)) ?? Number.NaN;
    expect(memory(straight)).toBeCloseTo(3, 5);
    expect(memory(walk)).toBeCloseTo(1, 1);
    expect(memory(cloud)).toBeCloseTo(0, 1);
  });
});
