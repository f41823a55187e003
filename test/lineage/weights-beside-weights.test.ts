import { expect, it } from 'vitest';
import { openFrame } from '../../src/lineage/frame.ts';
import type { WeightArray, Weights } from '../../src/tensors/weights.ts';
import { createGaussian } from './alter.ts';
import { archiveOf } from './pile.ts';
import { idOf, membersOf, queryOf } from './small-zoo.ts';

/** Layers of a network of which large tensors are read by some of their rows. */
const SIZES = [300, 640, 480, 360, 10] as const;

function makeNetwork(seed: number): Weights {
  const gaussian = createGaussian(seed);
  const tensors = SIZES.slice(1).map((rows, i): [string, WeightArray] => {
    const columns = SIZES[i] ?? 1;
    const data = Float32Array.from({ length: rows * columns }, () => gaussian() / Math.sqrt(columns));
    return [`net.${i}.weight`, { shape: [rows, columns], data }];
  });
  return new Map(tensors);
}

/** As training keeps it: the weights, and others under the same names elsewhere. */
function beside(weights: Weights, others: Weights): Weights {
  const under = (prefix: string, of: Weights) => [...of].map(([name, tensor]) => [prefix + name, tensor] as const);
  return new Map([...under('model.', weights), ...under('ema.', others)]);
}

it('a stored checkpoint that has half of the tensors of a large one is compared with it by the same rows', async () => {
  const stored = makeNetwork(1);
  const archive = archiveOf(await membersOf(1, [stored]));
  const frame = await openFrame(await queryOf(beside(stored, makeNetwork(2))), archive);
  const { sample } = await frame.candidate(idOf(1, 0));
  expect([...sample.keys()].sort()).toEqual([...stored.keys()].map((name) => `model.${name}`));
  for (const [name, { data }] of sample) {
    const own = frame.sample.get(name)?.data ?? new Float32Array();
    expect(Buffer.from(own.slice().buffer).equals(Buffer.from(data.slice().buffer)), name).toBe(true);
  }
});
