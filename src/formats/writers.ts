import { collectBytes } from '../bytes/collect.ts';
import { elementByteLength } from '../tensors/dtype.ts';
import { permuteElements, permuteShape } from '../tensors/permute.ts';
import type { OpenCheckpoint, TensorEntry } from './format.ts';
import { writeNpz } from './numpy/index.ts';
import { writePytorch } from './pytorch/index.ts';
import { writeSafetensors } from './safetensors/index.ts';
import { writeTfjs } from './tfjs/index.ts';
import type { FormatWriter, WritableTensor } from './writer.ts';

/** By the word that a user says. */
const WRITERS: ReadonlyMap<string, FormatWriter> = new Map([
  ['safetensors', writeSafetensors],
  ['npz', writeNpz],
  ['tfjs', writeTfjs],
  ['pytorch', writePytorch],
]);

/** The formats that checkpoints can be written in. */
export const WRITABLE_FORMATS: readonly string[] = [...WRITERS.keys()];

/** Finds a format's writer. */
export function findWriter(name: string): FormatWriter | undefined {
  return WRITERS.get(name);
}

/** A permuted tensor is in memory as a whole: its last element may belong first. */
async function* permutedBytes(
  checkpoint: OpenCheckpoint,
  tensor: TensorEntry,
  order: readonly number[],
): AsyncIterable<Uint8Array> {
  const bytes = await collectBytes(checkpoint.readTensor(tensor));
  yield permuteElements(bytes, elementByteLength(tensor.dtype), tensor.shape, order);
}

function toWritable(checkpoint: OpenCheckpoint, tensor: TensorEntry): WritableTensor {
  const { name, dtype, shape, toCanonical } = tensor;
  if (toCanonical === undefined) return { name, dtype, shape, bytes: () => checkpoint.readTensor(tensor) };
  const bytes = () => permutedBytes(checkpoint, tensor, toCanonical);
  return { name, dtype, shape: permuteShape(shape, toCanonical), bytes };
}

/**
 * Makes all tensors of an open checkpoint writable, their axes channels-first: no file that wsvc writes holds a graph
 * that would tell another order.
 */
export function writableTensors(checkpoint: OpenCheckpoint): readonly WritableTensor[] {
  return checkpoint.tensors.map((tensor) => toWritable(checkpoint, tensor));
}
