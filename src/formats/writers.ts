import type { OpenCheckpoint } from './format.ts';
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

/** Makes the tensors of an open checkpoint writable, all of them, axes as the file has them. */
export function writableTensors(checkpoint: OpenCheckpoint): readonly WritableTensor[] {
  return checkpoint.tensors.map((tensor) => ({
    name: tensor.name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    bytes: () => checkpoint.readTensor(tensor),
  }));
}
