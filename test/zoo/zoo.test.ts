import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadDigits } from './digits.ts';
import { createRandom } from './random.ts';
import { prepareTensorflow } from './tensorflow.ts';
import { type Checkpoint, measureAccuracy, type RunPlan, trainRun } from './train.ts';

const digits = loadDigits(0, 600);
const plan = (architecture: RunPlan['architecture'], seed: number): RunPlan => ({
  name: 'run',
  architecture,
  seed,
  epochs: 2,
  learningRate: 0.005,
  digits,
});

async function collect(run: RunPlan): Promise<Checkpoint[]> {
  const checkpoints: Checkpoint[] = [];
  for await (const checkpoint of trainRun(run)) checkpoints.push(checkpoint);
  return checkpoints;
}

test('training keeps no tensors', async () => {
  await collect(plan('cnn', 1));
  const before = tf.memory().numTensors;
  await collect(plan('cnn', 2));
  expect(tf.memory().numTensors).toBe(before);
});

test('the gradient of a convolution is the sum of patches times gradients', () => {
  const random = createRandom(5);
  const values = (shape: readonly [number, number, number, number]) =>
    tf.tensor4d(Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, random), [...shape]);
  const [x, filter, dy] = [values([2, 5, 4, 3]), values([3, 2, 3, 2]), values([2, 3, 3, 2])];
  const found = tf.grad((f) =>
    tf.sum(tf.mul(tf.conv2d(x, tf.reshape<tf.Rank.R4>(f, [3, 2, 3, 2]), [1, 1], 'valid'), dy)),
  )(filter);
  const at = (row: number, column: number, input: number, output: number): number => {
    let sum = 0;
    for (let n = 0; n < 2; n += 1)
      for (let i = 0; i < 3; i += 1)
        for (let j = 0; j < 3; j += 1) {
          sum +=
            (x.arraySync()[n]?.[i + row]?.[j + column]?.[input] ?? 0) * (dy.arraySync()[n]?.[i]?.[j]?.[output] ?? 0);
        }
    return sum;
  };
  const expected = filter
    .arraySync()
    .map((rows, r) => rows.map((columns, c) => columns.map((outputs, i) => outputs.map((_, o) => at(r, c, i, o)))));
  for (const [i, value] of expected.flat(3).entries()) expect(found.dataSync()[i]).toBeCloseTo(value, 4);
});

beforeAll(async () => {
  await prepareTensorflow();
});

describe.each([
  { architecture: 'mlp' as const, parameters: 7002 },
  { architecture: 'cnn' as const, parameters: 5838 },
])('$architecture', ({ architecture, parameters }) => {
  test('learns, and the same plan gives the same bits', async () => {
    const run = plan(architecture, 3);
    const [first, second] = await collect(run);
    const again = await collect(run);
    if (first === undefined || second === undefined) throw new Error('two epochs give two checkpoints');
    expect(again[1]?.snapshot.tensors).toEqual(second.snapshot.tensors);
    expect(second.loss).toBeLessThan(first.loss);
    expect(measureAccuracy(run, second)).toBeGreaterThan(0.3);
    expect(second.snapshot.tensors.reduce((sum, { values }) => sum + values.length, 0)).toBe(parameters);
  });

  test('another seed gives other weights, a fork goes on from where it starts', async () => {
    const [one] = await collect(plan(architecture, 4));
    const [other] = await collect(plan(architecture, 5));
    if (one === undefined || other === undefined) throw new Error('an epoch gives a checkpoint');
    expect(other.snapshot.tensors).not.toEqual(one.snapshot.tensors);
    const [fork] = await collect({ ...plan(architecture, 6), learningRate: 1e-9, from: one });
    expect(fork?.epoch).toBe(2);
    const distance = Math.max(
      ...one.snapshot.tensors.flatMap(({ values }, t) =>
        Array.from(values, (value, i) => Math.abs(value - (fork?.snapshot.tensors[t]?.values[i] ?? 0))),
      ),
    );
    expect(distance).toBeLessThan(1e-5);
  });
});
