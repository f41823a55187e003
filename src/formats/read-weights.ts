import { invariant } from '../assert.ts';
import { decodeToFloat32, valuesPerElement } from '../tensors/decode.ts';
import { elementByteLength, elementCount, isFloat } from '../tensors/dtype.ts';
import { permuteAxes, permuteShape } from '../tensors/permute.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import type { OpenCheckpoint, TensorEntry } from './format.ts';

/** True for the tensors that lineage compares: weights whose values are weights as they stand. */
export function isComparedWeight(tensor: TensorEntry): boolean {
  return tensor.role === 'weight' && isFloat(tensor.dtype);
}

async function readValues(checkpoint: OpenCheckpoint, tensor: TensorEntry): Promise<Float32Array> {
  const values = new Float32Array(elementCount(tensor.shape) * valuesPerElement(tensor.dtype));
  let filled = 0;
  for await (const piece of checkpoint.readTensor(tensor)) {
    filled += decodeToFloat32(tensor.dtype, piece, values.subarray(filled)).length;
  }
  invariant(filled === values.length, `${tensor.name} has ${elementByteLength(tensor.dtype)} bytes an element`);
  return values;
}

/**
 * Reads one tensor, decoded, its axes brought to channels-first order.
 *
 * @throws BadFileError when its stored form does not decode.
 */
export async function readWeight(checkpoint: OpenCheckpoint, tensor: TensorEntry): Promise<WeightArray> {
  const data = await readValues(checkpoint, tensor);
  const { shape, toCanonical } = tensor;
  if (toCanonical === undefined) return { shape, data };
  return { shape: permuteShape(shape, toCanonical), data: permuteAxes(data, shape, toCanonical) };
}

/**
 * Reads all weights of a checkpoint into memory: its float tensors of the role weight, axes channels-first.
 *
 * @throws BadFileError when a tensor's stored form does not decode.
 */
export async function readWeights(checkpoint: OpenCheckpoint): Promise<Weights> {
  const weights = new Map<string, WeightArray>();
  for (const tensor of checkpoint.tensors) {
    if (isComparedWeight(tensor)) weights.set(tensor.name, await readWeight(checkpoint, tensor));
  }
  return weights;
}
