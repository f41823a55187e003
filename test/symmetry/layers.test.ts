import '@tensorflow/tfjs-backend-cpu';
import * as tfc from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { assignTensors, parseKerasLayers } from '../../src/formats/keras-layers.ts';
import { findKerasOrder } from '../../src/formats/keras-orders.ts';
import type { AxisGraph } from '../../src/symmetry/axis-graph.ts';
import { inferAxisGraph } from '../../src/symmetry/infer-axes.ts';
import { transformUnits } from '../../src/symmetry/transform-units.ts';
import { permuteAxes } from '../../src/tensors/permute.ts';
import type { WeightArray } from '../../src/tensors/weights.ts';
import { spacesOf } from './function-test.ts';
import { gaussian, randomUnits, uniform } from './random.ts';

type Order = readonly number[];

interface Opened {
  readonly graph: AxisGraph;
  /** Channels-first, as the reader of a file gives them. */
  readonly weights: Map<string, WeightArray>;
  readonly orders: ReadonlyMap<string, Order>;
}

/** The model's weights, made random, and what the axis graph is for its topology. */
function openModel(model: tf.LayersModel): Opened {
  const next = gaussian(uniform(3));
  // Variances and gains must be positive; kernels of both signs let every activation show its bend.
  const value = (rank: number) => () => (rank === 1 ? 0.5 + Math.abs(next()) : next());
  const random = (shape: number[]) => {
    const length = tfc.util.sizeFromShape(shape);
    return tfc.tensor(Float32Array.from({ length }, value(shape.length)), shape);
  };
  model.setWeights(model.getWeights().map((tensor) => random(tensor.shape)));
  const names = model.weights.map((weight) => weight.originalName);
  const topology: unknown = model.toJSON(null, false);
  const { layers, ownerOf } = assignTensors(parseKerasLayers(topology) ?? [], names);
  const orders = new Map<string, Order>();
  const weights = new Map<string, WeightArray>();
  for (const [i, tensor] of model.getWeights().entries()) {
    const name = names[i] ?? '';
    const owner = ownerOf.get(name);
    const order = (owner && findKerasOrder(owner, name, tensor.shape)) ?? tensor.shape.map((_, axis) => axis);
    const data = permuteAxes(Float32Array.from(tensor.dataSync()), tensor.shape, order);
    orders.set(name, order);
    weights.set(name, { shape: order.map((axis) => tensor.shape[axis] ?? 0), data });
  }
  const tensors = [...weights].map(([name, { shape }]) => ({ name, shape, role: 'weight' as const }));
  return { graph: inferAxisGraph(tensors, layers), weights, orders };
}

/** Sets the model's weights from channels-first ones. */
function setWeights(model: tf.LayersModel, opened: Opened, weights: ReadonlyMap<string, WeightArray>): void {
  const tensors = model.weights.map((weight) => {
    const { shape, data } = weights.get(weight.originalName) ?? { shape: [], data: new Float32Array() };
    const order = opened.orders.get(weight.originalName) ?? [];
    const inverse = order.map((_, axis) => order.indexOf(axis));
    return tfc.tensor(
      permuteAxes(data, shape, inverse),
      inverse.map((axis) => shape[axis] ?? 0),
    );
  });
  model.setWeights(tensors);
}

function outputs(model: tf.LayersModel): Float32Array {
  const shapes = model.inputs.map((input) => [2, ...input.shape.slice(1).map((size) => size ?? 1)]);
  const next = gaussian(uniform(9));
  const inputs = shapes.map((shape) =>
    tfc.tensor(Float32Array.from({ length: tfc.util.sizeFromShape(shape) }, next), shape),
  );
  const answer = model.predict(inputs.length === 1 ? (inputs[0] ?? []) : inputs);
  return Float32Array.from([answer].flat().flatMap((tensor) => [...tensor.dataSync()]));
}

/** How far permuting, scaling and flipping everything that the graph allows moves the outputs, relative to their size. */
function movement(model: tf.LayersModel, opened: Opened): number {
  const random = uniform(5);
  const units = randomUnits(opened.graph, opened.weights, random);
  const factors = new Map<string, Float64Array>();
  for (const [space, order] of units) {
    const scale = () => (opened.graph.rescalable.has(space) ? 0.5 + random() : 1);
    const sign = () => (opened.graph.flippable?.has(space) && random() < 0.5 ? -1 : 1);
    factors.set(
      space,
      Float64Array.from(order, () => scale() * sign()),
    );
  }
  const before = outputs(model);
  setWeights(model, opened, transformUnits(opened.weights, opened.graph, { units, factors }));
  const after = outputs(model);
  const size = before.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return after.reduce((most, value, i) => Math.max(most, Math.abs(value - (before[i] ?? 0))), 0) / size;
}

const { layers } = tf;
type Symbolic = tf.SymbolicTensor;
const one = (tensor: Symbolic | Symbolic[]): Symbolic => {
  const [first] = [tensor].flat();
  if (!first) throw new Error('a layer gives one output');
  return first;
};

const MODELS: Readonly<
  Record<
    string,
    {
      readonly make: () => tf.LayersModel;
      readonly spaces: number;
      readonly rescalable: number;
      readonly flippable: number;
    }
  >
> = {
  'an MLP with tanh': {
    make: () =>
      tf.sequential({
        layers: [
          layers.dense({ units: 8, activation: 'tanh', inputShape: [5] }),
          layers.dense({ units: 6 }),
          layers.dropout({ rate: 0.5 }),
          layers.dense({ units: 3, activation: 'softmax' }),
        ],
      }),
    spaces: 2,
    rescalable: 1,
    flippable: 2,
  },
  'an MLP with batch norm': {
    make: () =>
      tf.sequential({
        layers: [
          layers.dense({ units: 8, inputShape: [5] }),
          layers.batchNormalization({}),
          layers.reLU({}),
          layers.dense({ units: 6, activation: 'relu' }),
          layers.dense({ units: 3 }),
        ],
      }),
    spaces: 2,
    rescalable: 1,
    flippable: 0,
  },
  'a CNN, flattened channels-last': {
    make: () =>
      tf.sequential({
        layers: [
          layers.conv2d({ filters: 6, kernelSize: 3, activation: 'relu', inputShape: [10, 9, 2] }),
          layers.maxPooling2d({ poolSize: 2 }),
          layers.conv2d({ filters: 5, kernelSize: 2 }),
          layers.batchNormalization({}),
          layers.leakyReLU({}),
          layers.flatten(),
          layers.dense({ units: 7, activation: 'relu' }),
          layers.dense({ units: 4 }),
        ],
      }),
    spaces: 3,
    rescalable: 2,
    flippable: 0,
  },
  'batch norm after flattening': {
    make: () =>
      tf.sequential({
        layers: [
          layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [6, 6, 1] }),
          layers.flatten(),
          layers.batchNormalization({}),
          layers.dense({ units: 3 }),
        ],
      }),
    spaces: 1,
    rescalable: 0,
    flippable: 0,
  },
  'depthwise and separable convolutions': {
    make: () =>
      tf.sequential({
        layers: [
          layers.conv2d({ filters: 6, kernelSize: 1, inputShape: [8, 8, 3] }),
          layers.depthwiseConv2d({ kernelSize: 3 }),
          layers.separableConv2d({ filters: 5, kernelSize: 3, depthMultiplier: 2 }),
          layers.globalAveragePooling2d({}),
          layers.dense({ units: 3 }),
        ],
      }),
    spaces: 2,
    rescalable: 1,
    flippable: 1,
  },
  'a depthwise convolution with several filters a channel': {
    make: () =>
      tf.sequential({
        layers: [
          layers.conv2d({ filters: 6, kernelSize: 1, inputShape: [8, 8, 3] }),
          layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 }),
          layers.globalAveragePooling2d({}),
          layers.dense({ units: 3 }),
        ],
      }),
    spaces: 0,
    rescalable: 0,
    flippable: 0,
  },
  'a residual connection': {
    make: () => {
      const input = tf.input({ shape: [5] });
      const first = one(layers.dense({ units: 8, activation: 'relu' }).apply(input) as Symbolic);
      const second = one(layers.dense({ units: 8, activation: 'relu' }).apply(first) as Symbolic);
      const sum = one(layers.add().apply([first, second]) as Symbolic);
      return tf.model({ inputs: input, outputs: one(layers.dense({ units: 3 }).apply(sum) as Symbolic) });
    },
    spaces: 1,
    rescalable: 1,
    flippable: 0,
  },
  'a concatenation': {
    make: () => {
      const input = tf.input({ shape: [5] });
      const [a, b] = [8, 6].map((units) => one(layers.dense({ units, activation: 'relu' }).apply(input) as Symbolic));
      const joined = one(layers.concatenate().apply([a, b].flatMap((t) => t ?? [])) as Symbolic);
      const hidden = one(layers.dense({ units: 7, activation: 'relu' }).apply(joined) as Symbolic);
      return tf.model({ inputs: input, outputs: one(layers.dense({ units: 3 }).apply(hidden) as Symbolic) });
    },
    spaces: 1,
    rescalable: 1,
    flippable: 0,
  },
  'a gate': {
    make: () => {
      const input = tf.input({ shape: [5] });
      const [a, b] = [1, 2].map(() => one(layers.dense({ units: 8, activation: 'sigmoid' }).apply(input) as Symbolic));
      const product = one(layers.multiply().apply([a, b].flatMap((t) => t ?? [])) as Symbolic);
      return tf.model({ inputs: input, outputs: one(layers.dense({ units: 3 }).apply(product) as Symbolic) });
    },
    spaces: 1,
    rescalable: 0,
    flippable: 0,
  },
  'an inner layer that is an output too': {
    make: () => {
      const input = tf.input({ shape: [5] });
      const seen = one(layers.dense({ units: 8, activation: 'sigmoid' }).apply(input) as Symbolic);
      const hidden = one(layers.dense({ units: 7, activation: 'sigmoid' }).apply(seen) as Symbolic);
      return tf.model({ inputs: input, outputs: [seen, one(layers.dense({ units: 3 }).apply(hidden) as Symbolic)] });
    },
    spaces: 1,
    rescalable: 0,
    flippable: 0,
  },
  'an operator that is not known': {
    make: () =>
      tf.sequential({
        layers: [
          layers.dense({ units: 8, inputShape: [5] }),
          layers.reshape({ targetShape: [4, 2] }),
          layers.flatten(),
          layers.dense({ units: 3 }),
        ],
      }),
    spaces: 0,
    rescalable: 0,
    flippable: 0,
  },
  'a transposed convolution': {
    make: () =>
      tf.sequential({
        layers: [
          layers.conv2d({ filters: 6, kernelSize: 3, inputShape: [6, 6, 1], activation: 'relu' }),
          layers.conv2dTranspose({ filters: 5, kernelSize: 3, activation: 'relu' }),
          layers.conv2d({ filters: 2, kernelSize: 3 }),
        ],
      }),
    spaces: 2,
    rescalable: 0,
    flippable: 0,
  },
};

describe('the axis graph from a Keras topology, proved on TensorFlow.js', () => {
  beforeAll(async () => {
    await tfc.setBackend('cpu');
  });

  it.each(Object.entries(MODELS))('%s', (_, { make, spaces, rescalable, flippable }) => {
    const model = make();
    const opened = openModel(model);
    expect(opened.graph.source).toBe('file');
    expect([spacesOf(opened.graph).length, opened.graph.rescalable.size, opened.graph.flippable?.size]).toEqual([
      spaces,
      rescalable,
      flippable,
    ]);
    expect(movement(model, opened)).toBeLessThan(2e-5);
  });

  it('would notice a flattening taken for channels-first', () => {
    const model = MODELS['a CNN, flattened channels-last']?.make();
    if (!model) throw new Error('the model is in the table');
    const opened = openModel(model);
    const tensors = new Map(opened.graph.tensors);
    const [name, axes] = [...tensors].find(([, a]) => a.reshape?.length === 3 && a.reshape[1] !== 1) ?? [
      '',
      { labels: [] },
    ];
    const [out = 0, pixels = 0, channels = 0] = axes.reshape ?? [];
    tensors.set(name, {
      reshape: [out, channels, pixels],
      labels: [axes.labels[0] ?? null, axes.labels[2] ?? null, null],
    });
    expect(movement(model, { ...opened, graph: { ...opened.graph, tensors } })).toBeGreaterThan(1e-2);
  });
});
