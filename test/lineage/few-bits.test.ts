import { beforeAll, describe, expect, it } from 'vitest';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Archive } from '../../src/lineage/model.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { idOf, membersOf, queryOf, trainRun } from './small-zoo.ts';

let archive: Archive;
let base: Weights;

beforeAll(async () => {
  const runs = [1, 2].map((seed) => trainRun({ seed, epochs: 8 }));
  archive = memoryArchive((await Promise.all(runs.map((run, i) => membersOf(i, run)))).flat());
  base = runs[0]?.[5] ?? new Map();
});

type Quantiser = (data: Float32Array, levels: number) => Float32Array;

const largest = (data: Float32Array, sign: number) => data.reduce((most, x) => Math.max(most, sign * x), 0);
const symmetric: Quantiser = (data, levels) => {
  const step = Math.max(largest(data, 1), largest(data, -1)) / ((levels - 1) / 2);
  return data.map((x) => Math.round(x / step) * step);
};
const withZeroPoint: Quantiser = (data, levels) => {
  const step = (largest(data, 1) + largest(data, -1)) / (levels - 1);
  const zero = Math.round(largest(data, -1) / step);
  return data.map((x) => (Math.min(Math.max(Math.round(x / step + zero), 0), levels - 1) - zero) * step);
};
const withOffset: Quantiser = (data, levels) => {
  const [low, high] = [data.reduce((a, b) => Math.min(a, b)), data.reduce((a, b) => Math.max(a, b))];
  const step = (high - low) / (levels - 1);
  return data.map((x) => Math.round((x - low) / step) * step + low);
};
const clipped: Quantiser = (data, levels) => {
  const top = (levels - 1) / 2;
  const step = (0.8 * Math.max(largest(data, 1), largest(data, -1))) / top;
  return data.map((x) => Math.min(Math.max(Math.round(x / step), -top), top) * step);
};

const round = (quantise: Quantiser, bits: number, isWhole: boolean): Weights =>
  new Map(
    [...base].map(([name, { shape, data }]) => {
      const levels = quantise === symmetric || quantise === clipped ? 2 ** bits - 1 : 2 ** bits;
      return [name, { shape, data: isWhole || shape.length > 1 ? quantise(data, levels) : data }];
    }),
  );

describe.each([
  ['symmetric', symmetric],
  ['with a zero point', withZeroPoint],
  ['with an offset', withOffset],
  ['clipped', clipped],
] as const)('one scale a tensor, %s', (_, quantise) => {
  it.each([
    [8, true],
    [5, true],
    [4, true],
    [3, true],
    [4, false],
    [8, false],
  ])('%i bits is quantized (vectors too: %s)', async (bits, isWhole) => {
    const answer = await identifyCheckpoint(await queryOf(round(quantise, bits, isWhole)), archive);
    expect(answer).toMatchObject({ known: true, relation: 'quantized' });
    expect(answer.nearest?.id).toBe(idOf(0, 5));
  });
});

it('calls rounded values that were noisy before no copy', async () => {
  const noisy = new Map(
    [...base].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x, i) => x + 0.2 * largest(data, 1) * Math.sin(7919 * i)) },
    ]),
  );
  const step = new Map([...noisy].map(([name, { shape, data }]) => [name, { shape, data: symmetric(data, 15) }]));
  expect((await identifyCheckpoint(await queryOf(step), archive)).relation).not.toBe('quantized');
});
