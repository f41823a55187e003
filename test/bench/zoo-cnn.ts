import * as tf from '@tensorflow/tfjs-core';
import type { Weights } from '../../src/tensors/weights.ts';
import { createModel } from '../zoo/models.ts';
import { createRandom, shuffled } from '../zoo/random.ts';
import type { NamedTensor } from '../zoo/snapshot.ts';
import { takeSnapshot } from '../zoo/snapshot.ts';
import { prepareTensorflow } from '../zoo/tensorflow.ts';
import type { Example } from './small-net.ts';

const BATCH = 50;
const RATE = 5e-3;
const SIDE = 14;
/** Rows and columns of what the last convolution puts out. */
const POSITIONS = 16;

interface Plan {
  readonly seed: number;
  readonly epochs: number;
  readonly start?: Weights;
  readonly fork?: string;
}

/** Brings the inputs of the layer behind the flattening from (row, column, channel) to PyTorch's (channel, row, column), or back. */
function reorderFlat(data: Float32Array, rows: number, outer: number): Float32Array {
  const columns = data.length / rows;
  const inner = columns / outer;
  return data.map((_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return data[row * columns + (column % inner) * outer + Math.floor(column / inner)] ?? 0;
  });
}

const isBehindFlattening = (name: string) => name === '4.weight';

function toWeights(tensors: readonly NamedTensor[]): Weights {
  return new Map(
    tensors.map(({ name, shape, values }) => {
      const data = isBehindFlattening(name) ? reorderFlat(values, shape[0] ?? 1, POSITIONS) : values;
      return [name, { shape, data }];
    }),
  );
}

function toKernel(name: string, shape: readonly number[], data: Float32Array): tf.Tensor {
  if (shape.length === 1) return tf.tensor(data, [...shape]);
  const rows = shape[0] ?? 1;
  const plain = isBehindFlattening(name) ? reorderFlat(data, rows, data.length / rows / POSITIONS) : data;
  return tf.transpose(tf.tensor(plain, [...shape]), shape.length === 4 ? [2, 3, 1, 0] : [1, 0]);
}

/** Trains a small convolutional network with TensorFlow.js; its checkpoints are as PyTorch would name and lay them out. */
export async function trainConvolutional(plan: Plan, examples: readonly Example[]): Promise<readonly Weights[]> {
  await prepareTensorflow();
  const model = createModel('cnn', plan.seed, plan.fork === 'rate' ? RATE * 0.3 : RATE);
  if (plan.start !== undefined) {
    const start = [...plan.start].map(([name, { shape, data }]) => toKernel(name, shape, data));
    model.setWeights(start);
    tf.dispose(start);
  }
  const random = createRandom(plan.seed + 1);
  const checkpoints: Weights[] = plan.start === undefined ? [toWeights((await takeSnapshot(model)).tensors)] : [];
  for (let epoch = 0; epoch < plan.epochs; epoch++) {
    const order = shuffled(examples.length, random);
    for (let at = 0; at < order.length; at += BATCH) {
      const batch = Array.from(order.subarray(at, at + BATCH)).flatMap((n) => examples[n] ?? []);
      const x = tf.tensor4d(Float32Array.from(batch.flatMap(({ input }) => [...input])), [batch.length, SIDE, SIDE, 1]);
      const y = tf.tensor2d(
        batch.map(({ label }) => label),
        [batch.length, 1],
      );
      await model.trainOnBatch(x, y);
      tf.dispose([x, y]);
    }
    checkpoints.push(toWeights((await takeSnapshot(model)).tensors));
  }
  model.optimizer.dispose();
  model.dispose();
  return checkpoints;
}
