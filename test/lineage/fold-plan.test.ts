import { expect, it } from 'vitest';
import { planFolds } from '../../src/lineage/fold-plan.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createRandom } from '../zoo/random.ts';

const random = createRandom(7);
const draw = (length: number, centre: number, spread: number) =>
  Float32Array.from({ length }, () => centre + spread * (random() - 0.5));

/** Blocks with layer norms, whose gains are near one, all a little smaller than one. */
function net(blocks: number): Weights {
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (let i = 0; i < blocks; i++) {
    weights.set(`h.${i}.ln.weight`, { shape: [16], data: draw(16, 1.05, 0.02) });
    weights.set(`h.${i}.ln.bias`, { shape: [16], data: draw(16, 0, 0.02) });
    weights.set(`h.${i}.fc.weight`, { shape: [16, 48], data: draw(16 * 48, 0, 1) });
  }
  return weights;
}

const tuned = (weights: Weights, factor: number): Weights =>
  new Map(
    [...weights].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x) => factor * x + 0.002 * random()) },
    ]),
  );

it.each([1, 0.975, 0.96])('takes no layer that shrank by %f for one with a layer norm folded into it', (factor) => {
  const plain = net(4);
  const shorter = new Map([...tuned(plain, factor)].filter(([name]) => !name.startsWith('h.3.')));
  expect(planFolds(plain, shorter)).toBeUndefined();
});
