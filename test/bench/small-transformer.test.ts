import { describe, expect, it } from 'vitest';
import { inferAxisGraph } from '../../src/symmetry/infer-axes.ts';
import { reorderUnits } from '../lineage/reorder-units.ts';
import { createRandom } from '../zoo/random.ts';
import { createAdam, type Example } from './small-net.ts';
import { SmallTransformer } from './small-transformer.ts';

const SIZES = { side: 6, patch: 3, width: 8, heads: 2, hidden: 12, blocks: 2, classes: 3 };
/** Exact in float32 beside any weight of the size that these have. */
const STEP = 2 ** -9;

const random = createRandom(11);
const batch: readonly Example[] = Array.from({ length: 3 }, (_, label) => ({
  input: Float32Array.from({ length: 36 }, random),
  label,
}));

/** Weights that no rule of initialisation made: nothing is zero or one. */
function createStirred(seed = 1): SmallTransformer {
  const model = new SmallTransformer(SIZES, seed);
  const stir = createRandom(seed + 1);
  for (const { parameter } of model.parameters)
    for (let i = 0; i < parameter.values.length; i++) parameter.values[i] = (parameter.values[i] ?? 0) + stir() - 0.5;
  return model;
}

describe('the transformer that the benchmarks train', () => {
  const model = createStirred();
  model.computeGradients(batch);
  const gradients = new Map(model.parameters.map(({ name, parameter }) => [name, parameter.gradient.slice()]));

  it.each(model.parameters.map(({ name }) => name))('has the gradient of finite differences: %s', (name) => {
    const values = model.parameters.find((found) => found.name === name)?.parameter.values ?? new Float32Array();
    const stride = Math.max(1, Math.floor(values.length / 12));
    for (let i = 0; i < values.length; i += stride) {
      const kept = values[i] ?? 0;
      const [up, down] = [Math.fround(kept + STEP), Math.fround(kept - STEP)];
      values[i] = up;
      const above = model.computeGradients(batch);
      values[i] = down;
      const difference = (above - model.computeGradients(batch)) / (up - down);
      values[i] = kept;
      expect(gradients.get(name)?.[i]).toBeCloseTo(difference, 4);
    }
  });

  it('learns, and leaves what is frozen as it is', () => {
    const trained = new SmallTransformer(SIZES, 3);
    const before = trained.parameters.map(({ parameter }) => parameter.values.slice());
    const first = trained.computeGradients(batch);
    const optimize = createAdam(1e-2);
    for (let step = 0; step < 40; step++) trained.trainOn(batch, optimize, (name) => name.startsWith('blocks.0.'));
    expect(trained.computeGradients(batch)).toBeLessThan(first / 4);
    for (const [i, { name, parameter }] of trained.parameters.entries())
      expect(parameter.values.join() === before[i]?.join(), name).toBe(name.startsWith('blocks.0.'));
  });

  it('computes the same once units are reordered by the axis graph of its names', () => {
    const weights = new Map(
      model.parameters.map(({ name, shape, parameter }) => [name, { shape, data: parameter.values.slice() }]),
    );
    const graph = inferAxisGraph([...weights].map(([name, { shape }]) => ({ name, shape, role: 'weight' as const })));
    expect([...graph.tensors.keys()]).toContain('pos_embed');
    const loss = model.computeGradients(batch);
    const reordered = reorderUnits(weights, graph, { seed: 5 });
    for (const { name, parameter } of model.parameters) parameter.values.set(reordered.get(name)?.data ?? []);
    expect(model.parameters[0]?.parameter.values).not.toEqual(weights.get('cls_token')?.data);
    expect(model.computeGradients(batch)).toBeCloseTo(loss, 6);
  });
});
