import { beforeAll, describe, expect, it } from 'vitest';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Archive } from '../../src/lineage/model.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createRandom } from '../zoo/random.ts';
import * as alter from './alter.ts';
import { idOf, membersOf, queryOf, trainRun } from './small-zoo.ts';

let archive: Archive;
let [base, a, b, alien]: Weights[] = [];

beforeAll(async () => {
  const trunk = trainRun({ seed: 1, epochs: 6 });
  base = trunk.at(-1) ?? new Map();
  const tune = (seed: number, data: number) => trainRun({ seed, epochs: 4, data, start: base ?? new Map() });
  const runs = [trunk, tune(61, 2), tune(62, 3), trainRun({ seed: 9, epochs: 6 })];
  [a, b, alien] = runs.slice(1).map((run) => run.at(-1) ?? new Map());
  archive = memoryArchive((await Promise.all(runs.map((run, i) => membersOf(i, run.slice(-2))))).flat());
});

type Mixer = (values: readonly number[], index: number) => number;

/** Value by value, from the tensors of several models. */
function mix(models: readonly (Weights | undefined)[], mixer: (name: string) => Mixer): Weights {
  return new Map(
    [...(models[0] ?? [])].map(([name, { shape, data }]) => {
      const others = models.map((model) => model?.get(name)?.data ?? data);
      const of = mixer(name);
      return [
        name,
        {
          shape,
          data: data.map((_, i) =>
            of(
              others.map((values) => values[i] ?? 0),
              i,
            ),
          ),
        },
      ];
    }),
  );
}

const norm = (data: Float32Array) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0));

function slerp(t: number, first: Weights | undefined, second: Weights | undefined): Weights {
  return mix([first, second], (name) => {
    const [x, y] = [first, second].map((model) => model?.get(name)?.data ?? new Float32Array(0));
    const cosine = x && y ? x.reduce((sum, v, i) => sum + v * (y[i] ?? 0), 0) / (norm(x) * norm(y)) : 1;
    const angle = Math.acos(Math.min(cosine, 1));
    if (cosine > 0.9995) return ([u = 0, v = 0]) => (1 - t) * u + t * v;
    const [p, q] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
    return ([u = 0, v = 0]) => p * u + q * v;
  });
}

/** Drops differences from the base at random and scales up the others. */
function dare(density: number, weights: readonly number[], ...models: readonly (Weights | undefined)[]): Weights {
  const random = createRandom(5);
  return mix([base, ...models], () => ([from = 0, ...others]) => {
    return others.reduce(
      (sum, x, k) => sum + (random() < density ? ((weights[k] ?? 0) * (x - from)) / density : 0),
      from,
    );
  });
}

/** Keeps the larger half of each model's differences, and of two that disagree in sign the larger. */
function ties(...models: readonly (Weights | undefined)[]): Weights {
  return mix([base, ...models], (name) => {
    const origin = base?.get(name)?.data ?? new Float32Array(0);
    const limits = models.map((model) => {
      const sizes = [...(model?.get(name)?.data ?? [])].map((x, i) => Math.abs(x - (origin[i] ?? 0)));
      return sizes.sort((x, y) => x - y)[sizes.length >> 1] ?? 0;
    });
    return ([from = 0, ...others]) => {
      const kept = others.map((x, k) => (Math.abs(x - from) >= (limits[k] ?? 0) ? x - from : 0));
      const sign = Math.sign(kept.reduce((sum, x) => sum + x, 0));
      const elected = kept.filter((x) => x !== 0 && Math.sign(x) === sign);
      return from + elected.reduce((sum, x) => sum + x, 0) / Math.max(elected.length, 1);
    };
  });
}

const ask = async (weights: Weights) => identifyCheckpoint(await queryOf(weights), archive);
const [BASE, A, B, ALIEN] = [idOf(0, 1), idOf(1, 1), idOf(2, 1), idOf(3, 1)];

describe('merges as merge tools make them name their parents', () => {
  it.each([
    ['slerp, half and half', () => slerp(0.5, a, b), [A, B]],
    ['slerp, .3', () => slerp(0.3, a, b), [A, B]],
    ['slerp with an unrelated model', () => slerp(0.4, a, alien), [A, ALIEN]],
    ['dare of one model', () => dare(0.5, [1], a), [A, BASE]],
    ['dare of two models', () => dare(0.4, [0.5, 0.5], a, b), [A, B, BASE]],
    ['ties of two models', () => ties(a, b), [A, B, BASE]],
  ])('%s', async (_, make, parents) => {
    const answer = await ask(make());
    expect(answer).toMatchObject({ known: true, relation: 'merged' });
    expect(answer.parents.map(({ id }) => id).sort()).toEqual([...parents].sort());
    expect(answer.parents.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 6);
  });

  it('slerp, then bf16', async () => {
    const answer = await ask(alter.toBf16(slerp(0.5, a, b)));
    expect(answer).toMatchObject({ known: true, relation: 'merged+cast' });
    expect(answer.parents.map(({ id }) => id).sort()).toEqual([A, B].sort());
  });
});

it('calls what keeps half of its base, and was trained elsewhere, no merge', async () => {
  const gaussian = alter.createGaussian(3);
  const random = createRandom(8);
  const masked = mix(
    [base],
    () =>
      ([x = 0]) =>
        random() < 0.5 ? x : x + 0.02 * gaussian(),
  );
  expect((await ask(masked)).relation).not.toContain('merged');
});
