import { afterEach, describe, expect, it } from 'vitest';
import { allowWasm } from '../../src/bytes/wasm-module.ts';
import { findNearest } from '../../src/lineage/nearest.ts';
import { createRandom } from '../bench/small-net.ts';

afterEach(() => allowWasm(true));

/** Runs of ten points in small steps, some of them twice; the size of all is scaled. */
function drawPoints(count: number, dimension: number, size: number): readonly Float32Array[] {
  const random = createRandom(5);
  const draw = (length: number): Float32Array =>
    Float32Array.from({ length: dimension }, () => length * random.normal());
  const points: Float32Array[] = [];
  for (let i = 0; i < count; i++) {
    const before = points[i - 1];
    const step = draw(i % 5 === 0 ? 0 : 10 ** -(i % 7) * size);
    points.push(before === undefined || i % 10 === 0 ? draw(size) : before.map((x, k) => x + (step[k] ?? 0)));
  }
  return points;
}

function compareAll(points: readonly Float32Array[], k: number): readonly (readonly number[])[] {
  return points.map((point, own) =>
    points
      .map((other, index) => ({ index, squared: point.reduce((sum, x, i) => sum + (x - (other[i] ?? 0)) ** 2, 0) }))
      .filter(({ index }) => index !== own)
      .sort((a, b) => a.squared - b.squared || a.index - b.index)
      .slice(0, k)
      .map(({ index }) => index),
  );
}

describe('the nearest of every point', () => {
  const cases = [
    [203, 64, 1, 'as WebAssembly'],
    [130, 1024, 1, 'sketches'],
    [150, 62, 1, 'of a dimension that is no multiple of four'],
    [150, 64, 1e-14, 'too short for single precision'],
    [150, 64, 1e17, 'too long for single precision'],
    [40, 64, 1, 'of few'],
  ] as const;

  it.each(cases)('%i points of %i values of size %d: %s', (count, dimension, size) => {
    const points = drawPoints(count, dimension, size);
    const found = findNearest(points, 12);
    expect(found.map((near) => near.map(({ index }) => index))).toEqual(compareAll(points, 12));
    allowWasm(false);
    expect(findNearest(points, 12)).toEqual(found);
  });
});
