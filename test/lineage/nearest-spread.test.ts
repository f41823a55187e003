import { expect, it } from 'vitest';
import { byShape, createNearestSpread, statisticDistance } from '../../src/lineage/nearest-spread.ts';
import type { Summary, TensorSpread } from '../../src/sketch/summary.ts';
import { createRandom } from '../bench/small-net.ts';

const spreadOf = (mean: number, standardDeviation: number, kurtosis: number, shape = '8x8'): TensorSpread => ({
  shape,
  elements: 64,
  mean,
  standardDeviation,
  kurtosis,
});

const summaryOf = (spreads: readonly TensorSpread[]) => ({ spreads }) as unknown as Summary;

/** Every tensor of the other against every one of its shape. */
function plainDistance(own: readonly TensorSpread[], other: readonly TensorSpread[]): number {
  const leasts = other.flatMap((tensor) => {
    const options = own.filter(({ shape }) => shape === tensor.shape);
    return options.length === 0 ? [] : [Math.min(10, ...options.map((option) => statisticDistance(option, tensor)))];
  });
  return leasts.length > 0 ? leasts.reduce((sum, least) => sum + least, 0) / leasts.length : Number.POSITIVE_INFINITY;
}

it.each([20, 200])('finds the most similar of %i tensors of a shape, as a look at all of them does', (count) => {
  const { normal } = createRandom(count);
  const draw = (length: number, shape?: string) =>
    Array.from({ length }, () => spreadOf(normal(), Math.exp(3 * normal()), 3 + normal(), shape));
  const own = [...draw(count), ...draw(3, '8')];
  const nearest = createNearestSpread(byShape(own));
  for (const other of [draw(200), draw(1), [...draw(5), ...draw(5, '8')], own, draw(3, '16')])
    expect(nearest.distanceTo(summaryOf(other))).toBe(plainDistance(own, other));
});

it('takes what has no deviation, or no mean, as it did', () => {
  const { normal } = createRandom(1);
  const own = Array.from({ length: 100 }, () => spreadOf(normal(), Math.exp(normal()), 3));
  const odd = [spreadOf(0, 0, 0), spreadOf(Number.NaN, 1, 3)];
  for (const [a, b] of [
    [own, odd],
    [[...own, ...odd], own],
  ] as const)
    expect(createNearestSpread(byShape(a)).distanceTo(summaryOf(b))).toBe(plainDistance(a, b));
});
