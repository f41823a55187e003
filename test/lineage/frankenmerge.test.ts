import { beforeAll, describe, expect, it } from 'vitest';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Archive } from '../../src/lineage/model.ts';
import type { WeightArray, Weights } from '../../src/tensors/weights.ts';
import * as alter from './alter.ts';
import { idOf, membersOf, queryOf } from './small-zoo.ts';

const gaussian = alter.createGaussian(23);
const WIDTH = 24;
const SHAPES: readonly (readonly [string, readonly number[]])[] = [
  ['self_attn.q_proj.weight', [WIDTH, WIDTH]],
  ['self_attn.o_proj.weight', [WIDTH, WIDTH]],
  ['mlp.up_proj.weight', [40, WIDTH]],
  ['mlp.down_proj.weight', [WIDTH, 40]],
  ['input_layernorm.weight', [WIDTH]],
];

const draw = (shape: readonly number[], centre: number, spread: number): WeightArray => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => centre + spread * gaussian()),
});

function model(layers: number): Weights {
  const weights = new Map<string, WeightArray>([['model.embed_tokens.weight', draw([50, WIDTH], 0, 0.2)]]);
  for (let i = 0; i < layers; i++)
    for (const [name, shape] of SHAPES)
      weights.set(`model.layers.${i}.${name}`, draw(shape, shape.length > 1 ? 0 : 1, shape.length > 1 ? 0.2 : 0.02));
  return weights.set('lm_head.weight', draw([50, WIDTH], 0, 0.2));
}

const tune = (weights: Weights): Weights =>
  new Map(
    [...weights].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => x + 0.01 * gaussian()) }]),
  );

/** Layers `order` of the models that stand beside them, everything else of the first. */
function stack(order: readonly (readonly [Weights, number])[]): Weights {
  const [[first] = [new Map()]] = order;
  const rest = [...first].filter(([name]) => !name.includes('.layers.'));
  const layers = order.flatMap(([from, layer], at) =>
    SHAPES.map(([name]) => [`model.layers.${at}.${name}`, from.get(`model.layers.${layer}.${name}`)] as const),
  );
  return new Map([...rest, ...layers.flatMap(([name, tensor]) => (tensor ? [[name, tensor] as const] : []))]);
}

let archive: Archive;
const base = model(4);
const [a, b, c] = [tune(base), tune(base), tune(base)];

beforeAll(async () => {
  const members = await Promise.all([a, b, c, model(4)].map((weights, i) => membersOf(i, [weights])));
  archive = memoryArchive(members.flat());
});

const ask = async (weights: Weights) => identifyCheckpoint(await queryOf(weights), archive);

describe('layers put together as merge tools do', () => {
  it('of two models, some of them twice, names both and every tensor', async () => {
    const answer = await ask(
      stack([
        [a, 0],
        [a, 1],
        [a, 2],
        [b, 1],
        [b, 2],
        [b, 3],
      ]),
    );
    expect(answer).toMatchObject({ known: true, relation: 'merged' });
    expect(answer.parents.map(({ id }) => id)).toEqual([idOf(0, 0), idOf(1, 0)]);
    expect(answer.tensors.every(({ kind }) => kind === 'identical')).toBe(true);
    const moved = answer.tensors.find(({ name }) => name === 'model.layers.3.mlp.up_proj.weight');
    expect(moved?.match).toEqual({ id: idOf(1, 0), tensor: 'model.layers.1.mlp.up_proj.weight' });
  });

  it('of one model says which layers stand twice, and that none is new', async () => {
    const answer = await ask(
      stack([
        [a, 0],
        [a, 1],
        [a, 2],
        [a, 1],
        [a, 2],
        [a, 3],
      ]),
    );
    expect(answer).toMatchObject({ known: true, relation: 'head-replaced' });
    expect(answer.parents.map(({ id }) => id)).toEqual([idOf(0, 0)]);
    expect(answer.notes.join()).toContain('Layers that stand twice: model.layers.3, model.layers.4.');
    expect(answer.notes.join()).not.toContain('Layers that are new');
  });

  it('in another order says so', async () => {
    const answer = await ask(
      stack([
        [a, 0],
        [a, 2],
        [a, 1],
        [a, 3],
      ]),
    );
    expect(answer).toMatchObject({ known: true, relation: 'recontained' });
    expect(answer.notes.join()).toContain('layers are in another order');
  });

  it('with a layer of a model that is not stored: that one is new, and nothing noisy', async () => {
    const stranger = model(4);
    const answer = await ask(
      stack([
        [a, 0],
        [a, 1],
        [stranger, 2],
        [a, 3],
      ]),
    );
    expect(answer).toMatchObject({ known: true, relation: 'head-replaced' });
    expect(answer.nearest?.id).toBe(idOf(0, 0));
  });

  it('with norms that were set anew: vectors that differ are no noise', async () => {
    const reset = new Map(
      [...a].map(([name, tensor]) => [
        name,
        tensor.shape.length > 1 ? tensor : { ...tensor, data: tensor.data.map(() => 1) },
      ]),
    );
    const answer = await ask(reset);
    expect(answer.relation).not.toContain('perturbed');
    expect(answer.confidence).toBeLessThan(0.6);
  });

  it('of two, then in bf16, whose norms have few values there', async () => {
    const answer = await ask(
      alter.toBf16(
        stack([
          [a, 0],
          [b, 1],
          [a, 2],
          [b, 3],
        ]),
      ),
    );
    expect(answer).toMatchObject({ known: true, relation: 'merged+cast' });
    expect(answer.parents.map(({ id }) => id).sort()).toEqual([idOf(0, 0), idOf(1, 0)].sort());
  });
});
