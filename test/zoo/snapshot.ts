import * as tf from '@tensorflow/tfjs-core';
import type { Sequential } from '@tensorflow/tfjs-layers';

/** A tensor as another framework would name it. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The state of a network between two epochs. */
export interface Snapshot {
  /** As PyTorch has it: `0.weight`, `0.bias`, `2.weight`, axes channels-first. */
  readonly tensors: readonly NamedTensor[];
  /** As TensorFlow.js saves it. */
  readonly artifacts: tf.io.ModelArtifacts;
}

/**
 * Brings the axes to channels-first. What a flattening layer puts out stays ordered (row, column, channel), as the network was
 * trained: the file holds the same network in another container.
 */
function toChannelsFirst(kernel: tf.Tensor): tf.Tensor {
  return tf.transpose(kernel, kernel.rank === 4 ? [3, 2, 0, 1] : [1, 0]);
}

function toNamed(name: string, tensor: tf.Tensor): NamedTensor {
  return { name, shape: tensor.shape, values: Float32Array.from(tensor.dataSync()) };
}

function toTorch(model: Sequential): NamedTensor[] {
  return model.layers.flatMap((layer, index) => {
    const [kernel, bias] = layer.getWeights();
    if (kernel === undefined || bias === undefined) return [];
    return [toNamed(`${index}.weight`, toChannelsFirst(kernel)), toNamed(`${index}.bias`, bias)];
  });
}

/** Copies a network's state. */
export async function takeSnapshot(model: Sequential): Promise<Snapshot> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (saved) => {
      artifacts = saved;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  if (artifacts === undefined) throw new Error('The model was not saved.');
  const tensors: NamedTensor[] = [];
  tf.tidy(() => {
    tensors.push(...toTorch(model));
  });
  return { tensors, artifacts };
}
