import * as tf from '@tensorflow/tfjs-core';
import type { Sequential } from '@tensorflow/tfjs-layers';
import { DIGIT_SIZE, type Digits } from './digits.ts';
import { type Architecture, createModel } from './models.ts';
import { createRandom, shuffled } from './random.ts';
import { type Snapshot, takeSnapshot } from './snapshot.ts';

const BATCH = 50;
const PIXELS = DIGIT_SIZE * DIGIT_SIZE;

export interface RunPlan {
  readonly name: string;
  readonly architecture: Architecture;
  readonly seed: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly digits: Digits;
  /** Weights to go on from, instead of new ones: a fork. */
  readonly from?: Checkpoint;
}

/** The state of a run after an epoch; epoch 0 is the initialisation. */
export interface Checkpoint {
  readonly run: string;
  readonly epoch: number;
  readonly loss: number;
  readonly snapshot: Snapshot;
}

function readBatch(digits: Digits, numbers: Uint32Array): { x: tf.Tensor; y: tf.Tensor } {
  const images = new Float32Array(numbers.length * PIXELS);
  for (const [row, n] of numbers.entries())
    images.set(digits.images.subarray(n * PIXELS, (n + 1) * PIXELS), row * PIXELS);
  const labels = Float32Array.from(numbers, (n) => digits.labels[n] ?? 0);
  return {
    x: tf.tensor4d(images, [numbers.length, DIGIT_SIZE, DIGIT_SIZE, 1]),
    y: tf.tensor2d(labels, [numbers.length, 1]),
  };
}

async function trainBatch(model: Sequential, digits: Digits, numbers: Uint32Array): Promise<number> {
  const { x, y } = readBatch(digits, numbers);
  const loss = await model.trainOnBatch(x, y);
  tf.dispose([x, y]);
  return Array.isArray(loss) ? (loss[0] ?? 0) : loss;
}

async function trainEpoch(model: Sequential, digits: Digits, random: () => number): Promise<number> {
  const order = shuffled(digits.count, random);
  let sum = 0;
  let batches = 0;
  for (let from = 0; from + BATCH <= order.length; from += BATCH) {
    sum += await trainBatch(model, digits, order.subarray(from, from + BATCH));
    batches += 1;
  }
  return sum / batches;
}

function startModel({ architecture, seed, learningRate, from }: RunPlan): Sequential {
  const model = createModel(architecture, seed, learningRate);
  const data = from?.snapshot.artifacts.weightData;
  const specs = from?.snapshot.artifacts.weightSpecs;
  if (data !== undefined && specs !== undefined) {
    const weights = tf.io.decodeWeights(tf.io.concatenateArrayBuffers([data].flat()), specs);
    model.setWeights(specs.flatMap(({ name }) => weights[name] ?? []));
    tf.dispose(weights);
  }
  return model;
}

/** Trains a run and yields a checkpoint after every epoch. The same plan gives the same bits, on one backend. */
export async function* trainRun(plan: RunPlan): AsyncGenerator<Checkpoint> {
  const model = startModel(plan);
  const random = createRandom(plan.seed + 1);
  const first = plan.from === undefined ? 1 : plan.from.epoch + 1;
  try {
    for (let epoch = first; epoch < first + plan.epochs; epoch += 1) {
      const loss = await trainEpoch(model, plan.digits, random);
      yield { run: plan.name, epoch, loss, snapshot: await takeSnapshot(model) };
    }
  } finally {
    model.optimizer.dispose();
    model.dispose();
  }
}

/** Share of digits that a checkpoint reads rightly. */
export function measureAccuracy(plan: RunPlan, checkpoint: Checkpoint): number {
  const model = startModel({ ...plan, from: checkpoint });
  const accuracy = tf.tidy(() => {
    const { x } = readBatch(
      plan.digits,
      Uint32Array.from({ length: plan.digits.count }, (_, i) => i),
    );
    const scores = model.predict(x);
    if (Array.isArray(scores)) return 0;
    const guesses = tf.argMax(scores, -1).dataSync();
    return plan.digits.labels.filter((label, i) => label === guesses[i]).length / plan.digits.count;
  });
  model.dispose();
  return accuracy;
}
