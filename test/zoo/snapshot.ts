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

/** What comes out of a flattening layer is ordered (row, column, channel) here, (channel, row, column) there. */
interface Flattened {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

function transposeConv(kernel: tf.Tensor): tf.Tensor {
  return tf.transpose(kernel, [3, 2, 0, 1]);
}

function transposeDense(kernel: tf.Tensor, flattened: Flattened | undefined): tf.Tensor {
  if (flattened === undefined) return tf.transpose(kernel, [1, 0]);
  const { height, width, channels } = flattened;
  const units = kernel.shape[1] ?? 1;
  const split = tf.transpose(tf.reshape(kernel, [height, width, channels, units]), [3, 2, 0, 1]);
  return tf.reshape(split, [units, height * width * channels]);
}

function toNamed(name: string, tensor: tf.Tensor): NamedTensor {
  return { name, shape: tensor.shape, values: Float32Array.from(tensor.dataSync()) };
}

function toTorch(model: Sequential): NamedTensor[] {
  let flattened: Flattened | undefined;
  return model.layers.flatMap((layer, index) => {
    if (layer.getClassName() === 'Flatten') {
      const [, height, width, channels] = Array.isArray(layer.input) ? [] : layer.input.shape;
      flattened = { height: height ?? 1, width: width ?? 1, channels: channels ?? 1 };
    }
    const [kernel, bias] = layer.getWeights();
    if (kernel === undefined || bias === undefined) return [];
    const weight = kernel.rank === 4 ? transposeConv(kernel) : transposeDense(kernel, flattened);
    if (kernel.rank === 2) flattened = undefined;
    return [toNamed(`${index}.weight`, weight), toNamed(`${index}.bias`, bias)];
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
