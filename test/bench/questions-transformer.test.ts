import { describe, expect, it } from 'vitest';
import { inferAxisGraph } from '../../src/symmetry/infer-axes.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createRandom } from '../zoo/random.ts';
import { permuteHeads, turnHeads } from './alter-attention.ts';
import { resizePositions, stackBlocks, toHuggingFace } from './alter-blocks.ts';
import { alterAll } from './questions.ts';
import { alterTransformer } from './questions-transformer.ts';
import type { Example } from './small-net.ts';
import { SmallTransformer } from './small-transformer.ts';
import { SCENES } from './zoo.ts';
import { TRANSFORMER, takeWeights } from './zoo-transformer.ts';

const random = createRandom(3);
const batch: readonly Example[] = Array.from({ length: 4 }, (_, label) => ({
  input: Float32Array.from({ length: TRANSFORMER.side ** 2 }, random),
  label,
}));

/** No bias is zero, so that one left behind shows. */
function drawWeights(seed: number): Weights {
  const weights = takeWeights(new SmallTransformer(TRANSFORMER, seed));
  const stir = createRandom(seed + 1);
  for (const { data } of weights.values())
    for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) + stir() - 0.5;
  return weights;
}

function lossOf(weights: Weights, sizes = TRANSFORMER): number {
  const model = new SmallTransformer(sizes, 1);
  expect([...weights.keys()]).toEqual(model.parameters.map(({ name }) => name));
  for (const { name, parameter } of model.parameters) parameter.values.set(weights.get(name)?.data ?? []);
  return model.computeGradients(batch);
}

describe('what is done to transformers before they are asked about', () => {
  const weights = drawWeights(5);

  it.each([
    ['heads permuted', permuteHeads(weights, TRANSFORMER.heads, 2)],
    ['query and key multiplied', turnHeads(weights, TRANSFORMER.heads, 2, ['score'])],
    ['value and output multiplied', turnHeads(weights, TRANSFORMER.heads, 2, ['value'])],
  ])('computes the same: %s', (_, altered) => {
    expect(altered.get('blocks.1.attn.qkv.weight')).not.toEqual(weights.get('blocks.1.attn.qkv.weight'));
    expect(lossOf(altered)).toBeCloseTo(lossOf(weights), 5);
  });

  it('leaves blocks out, and adds some', () => {
    const dropped = stackBlocks(weights, [1]);
    expect(dropped.get('blocks.0.mlp.fc1.weight')).toBe(weights.get('blocks.1.mlp.fc1.weight'));
    expect(lossOf(dropped, { ...TRANSFORMER, blocks: 1 })).toBeGreaterThan(0);
    const grown = stackBlocks(weights, [0, 1, -1], drawWeights(6));
    expect(lossOf(grown, { ...TRANSFORMER, blocks: 3 })).toBeGreaterThan(0);
    expect(grown.get('blocks.2.norm1.bias')).not.toEqual(weights.get('blocks.0.norm1.bias'));
  });

  it('interpolates positions between those that there were', () => {
    const table = resizePositions(weights, 3).get('pos_embed');
    expect(table?.shape).toEqual([1, 10, TRANSFORMER.width]);
    const old = weights.get('pos_embed')?.data ?? new Float32Array();
    const row = (data: Float32Array | undefined, i: number) => data?.subarray(i * 24, (i + 1) * 24);
    expect(row(table?.data, 0)).toEqual(row(old, 0));
    expect(row(table?.data, 3)).toEqual(row(old, 2));
    const mean = row(old, 1)?.map((x, i) => (x + (row(old, 2)?.[i] ?? 0)) / 2);
    expect(row(table?.data, 2)).toEqual(mean);
  });

  it('cuts what is fused, and loses nothing', () => {
    const apart = toHuggingFace(weights);
    const count = (all: Weights) => [...all.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(count(apart)).toBe(count(weights));
    expect([...apart.keys()].filter((name) => /blocks|qkv|embed\./.test(name))).toEqual([]);
    const fused = weights.get('blocks.1.attn.qkv.bias')?.data;
    expect(apart.get('encoder.layer.1.attention.attention.key.bias')?.data).toEqual(fused?.slice(24, 48));
  });

  it('asks each question once, and trains only what is not frozen', async () => {
    const scene = SCENES.find(({ architecture }) => architecture === 'transformer');
    if (scene === undefined) throw new Error('There is a zoo of transformers.');
    const shapes = [...weights].map(([name, { shape }]) => ({ name, shape, role: 'weight' as const }));
    const graph = inferAxisGraph(shapes);
    const all = [...alterAll(weights, graph, scene, 1), ...(await alterTransformer(weights, graph, scene, 1))];
    expect(new Set(all.map(({ kind }) => kind)).size).toBe(all.length);
    const frozen = all.find(({ kind }) => kind.includes('frozen'))?.weights;
    expect(frozen?.get('blocks.0.attn.qkv.weight')).toEqual(weights.get('blocks.0.attn.qkv.weight'));
    expect(frozen?.get('blocks.1.attn.qkv.weight')).not.toEqual(weights.get('blocks.1.attn.qkv.weight'));
  });
});
