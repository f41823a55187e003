import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { DIGIT_SIZE } from './digits.ts';

export type Architecture = 'mlp' | 'cnn';

/** Every layer has a seed of its own, made from the run's. */
function initializers(
  seed: number,
  layer: number,
): { kernelInitializer: ReturnType<typeof layers.initializers.glorotUniform> } {
  return { kernelInitializer: layers.initializers.glorotUniform({ seed: 1000 * seed + layer + 1 }) };
}

function dense(seed: number, layer: number, units: number, activation: 'tanh' | 'relu' | 'softmax') {
  return layers.layers.dense({ units, activation, name: `dense_${layer}`, ...initializers(seed, layer) });
}

function conv(seed: number, layer: number, filters: number) {
  const kernelSize = 3;
  return layers.layers.conv2d({
    filters,
    kernelSize,
    activation: 'tanh',
    name: `conv2d_${layer}`,
    ...initializers(seed, layer),
  });
}

function layersOf(architecture: Architecture, seed: number): layers.layers.Layer[] {
  const flatten = layers.layers.flatten({ name: 'flatten' });
  if (architecture === 'mlp') {
    return [flatten, dense(seed, 1, 32, 'relu'), dense(seed, 2, 16, 'relu'), dense(seed, 3, 10, 'softmax')];
  }
  const pool = layers.layers.maxPooling2d({ poolSize: 2, name: 'pool' });
  return [
    conv(seed, 1, 8),
    pool,
    conv(seed, 2, 12),
    flatten,
    dense(seed, 3, 24, 'tanh'),
    dense(seed, 4, 10, 'softmax'),
  ];
}

/** Makes an untrained network; the same seed gives the same weights. 7,002 parameters (mlp), 5,838 (cnn). */
export function createModel(architecture: Architecture, seed: number, learningRate: number): layers.Sequential {
  const model = layers.sequential({ name: 'digits' });
  const [first, ...others] = layersOf(architecture, seed);
  if (first === undefined) throw new Error('A network has layers.');
  model.add(layers.layers.inputLayer({ inputShape: [DIGIT_SIZE, DIGIT_SIZE, 1], name: 'image' }));
  for (const layer of [first, ...others]) model.add(layer);
  model.compile({ optimizer: tf.train.adam(learningRate), loss: 'sparseCategoricalCrossentropy' });
  return model;
}
