import { invariant } from '../assert.ts';
import type { ByteSource } from '../bytes/source.ts';
import { wholeUnits } from '../bytes/whole-units.ts';
import { elementByteLength } from '../tensors/dtype.ts';
import type { CheckpointFile, TensorEntry } from './format.ts';

/** Reads a tensor whose plain bytes stand in a file as they are: pieces of whole elements. */
export function readVerbatim(files: readonly CheckpointFile[], tensor: TensorEntry): AsyncIterable<Uint8Array> {
  invariant(tensor.at !== undefined, `the bytes of ${tensor.name} stand in a file`);
  const file = files[tensor.at.file];
  invariant(file !== undefined, `the file of ${tensor.name} is one of the checkpoint's`);
  return wholeUnits(file.source.stream(tensor.at.offset, tensor.at.byteLength), elementByteLength(tensor.dtype));
}

/** Closes all files of a checkpoint. */
export async function closeFiles(files: readonly { readonly source: ByteSource }[]): Promise<void> {
  for (const { source } of files) await source.close();
}
