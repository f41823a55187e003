import type { Weights } from '../../src/tensors/weights.ts';
import { loadDigits } from '../zoo/digits.ts';
import { createRandom, shuffled } from '../zoo/random.ts';
import {
  type Activation,
  createAdam,
  createSgd,
  type Example,
  type Optimizer,
  type Rate,
  SmallNet,
} from './small-net.ts';
import { takeWeights } from './write-net.ts';
import { trainTransformer } from './zoo-transformer.ts';

/** What a fork changes: the examples, the learning rate, what the labels mean, what the images look like. */
export const FORK_KINDS = ['subset', 'rate', 'labels', 'domain'] as const;
export type ForkKind = (typeof FORK_KINDS)[number];

/** A run of training: one checkpoint an epoch. */
export interface ZooRun {
  readonly name: string;
  readonly checkpoints: readonly Weights[];
  /** Index of the run and of the checkpoint in it that a fork goes on from. */
  readonly from?: { readonly run: number; readonly checkpoint: number };
  readonly fork?: ForkKind;
}

/** Runs of one architecture, trained in one way; only their seeds differ. */
export interface Zoo {
  readonly scene: Scene;
  readonly runs: readonly ZooRun[];
}

export interface ZooSize {
  readonly trunks: number;
  readonly epochs: number;
  readonly forks: number;
  readonly forkEpochs: number;
}

export interface Scene {
  readonly name: string;
  /** Tensors of the same shapes, trained on the same task: whose runs are strangers to those of a like scene. */
  readonly architecture: 'tanh' | 'relu' | 'cnn' | 'transformer';
  readonly optimizer: (stepsAnEpoch: number, speed: number) => Optimizer;
}

const WIDTHS = [196, 24, 16, 10];
const EXAMPLES = 400;
const BATCH = 20;
const RESTART_EPOCHS = 5;

/** Cosine annealing with warm restarts (Loshchilov and Hutter, arXiv 1608.03983). */
function warmRestarts(rate: number, stepsAnEpoch: number): Rate {
  const period = RESTART_EPOCHS * stepsAnEpoch;
  return (step) => 0.05 * rate + 0.95 * rate * 0.5 * (1 + Math.cos((Math.PI * (step % period)) / period));
}

/** `speed` multiplies the learning rate: what a fork of the kind `rate` changes. */
export const SCENES: readonly Scene[] = [
  { name: 'tanh, Adam', architecture: 'tanh', optimizer: (_, speed) => createAdam(2e-3 * speed) },
  { name: 'tanh, SGD', architecture: 'tanh', optimizer: (_, speed) => createSgd(0.1 * speed, 0) },
  { name: 'ReLU, momentum', architecture: 'relu', optimizer: (_, speed) => createSgd(0.02 * speed, 0.9) },
  { name: 'ReLU, AdamW', architecture: 'relu', optimizer: (_, speed) => createAdam(2e-3 * speed, 0.5) },
  {
    name: 'ReLU, restarts',
    architecture: 'relu',
    optimizer: (steps, speed) => createAdam(warmRestarts(3e-3 * speed, steps)),
  },
  { name: 'CNN, Adam', architecture: 'cnn', optimizer: (_, speed) => createAdam(5e-3 * speed) },
  { name: 'transformer, AdamW', architecture: 'transformer', optimizer: (_, speed) => createAdam(2e-3 * speed, 0.05) },
];

/** A task: what a run is trained on. */
function loadExamples(first: number, kind?: ForkKind): readonly Example[] {
  const digits = loadDigits(first, EXAMPLES);
  const pixels = digits.images.length / EXAMPLES;
  return Array.from({ length: EXAMPLES }, (_, n) => {
    const image = digits.images.slice(n * pixels, (n + 1) * pixels);
    const label = digits.labels[n] ?? 0;
    return {
      input: kind === 'domain' ? image.map((x) => 1 - x) : image,
      label: kind === 'labels' ? (label + 1) % 10 : label,
    };
  });
}

interface Plan {
  readonly scene: Scene;
  readonly seed: number;
  readonly epochs: number;
  readonly start?: Weights;
  readonly fork?: ForkKind;
  /** Parameters that stay as they are; transformers only. */
  readonly isFrozen?: (name: string) => boolean;
}

/** Trains a run; the start is its first checkpoint unless it goes on from one. */
export async function trainPlan(plan: Plan): Promise<readonly Weights[]> {
  const examples = loadExamples(plan.fork === 'subset' ? EXAMPLES : 0, plan.fork);
  if (plan.scene.architecture === 'cnn') {
    // TensorFlow.js takes a second to load: only those who train with it wait.
    const { trainConvolutional } = await import('./zoo-cnn.ts');
    return trainConvolutional(plan, examples);
  }
  if (plan.scene.architecture === 'transformer') return trainTransformer(plan, examples, optimizerOf(plan, examples));
  return trainFullyConnected(plan, examples, plan.scene.architecture);
}

function optimizerOf({ scene, fork }: Plan, examples: readonly Example[]): Optimizer {
  return scene.optimizer(examples.length / BATCH, fork === 'rate' ? 0.3 : 1);
}

function trainFullyConnected(plan: Plan, examples: readonly Example[], activation: Activation): readonly Weights[] {
  const { seed, epochs, start } = plan;
  const net = new SmallNet(WIDTHS, seed, activation);
  for (const [i, { data }] of [...(start ?? new Map()).values()].entries()) net.parameters[i]?.values.set(data);
  const optimize = optimizerOf(plan, examples);
  const random = createRandom(seed + 1);
  const checkpoints = start === undefined ? [takeWeights(net)] : [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled(examples.length, random);
    for (let at = 0; at < order.length; at += BATCH) {
      net.trainOn(
        Array.from(order.subarray(at, at + BATCH)).flatMap((n) => examples[n] ?? []),
        optimize,
      );
    }
    checkpoints.push(takeWeights(net));
  }
  return checkpoints;
}

/** Trains the runs of a scene: trunks from seeds of their own, then forks from some checkpoint of some trunk. */
export async function trainZoo(scene: Scene, size: ZooSize, seed: number): Promise<Zoo> {
  const random = createRandom(977 * seed + 13);
  const runs: ZooRun[] = [];
  for (let i = 0; i < size.trunks; i++) {
    const checkpoints = await trainPlan({ scene, seed: 100_000 * seed + i, epochs: size.epochs });
    runs.push({ name: `run-${i}`, checkpoints });
  }
  for (let i = 0; i < size.forks; i++) {
    const fork = FORK_KINDS[i % FORK_KINDS.length] ?? 'subset';
    const from = { run: i % size.trunks, checkpoint: 3 + Math.floor(random() * (size.epochs - 6)) };
    const start = runs[from.run]?.checkpoints[from.checkpoint] ?? new Map();
    const checkpoints = await trainPlan({
      scene,
      seed: 100_000 * seed + 500 + i,
      epochs: size.forkEpochs,
      start,
      fork,
    });
    runs.push({ name: `fork-${i}`, checkpoints, from, fork });
  }
  return { scene, runs };
}
