import { invariant } from '../assert.ts';
import type { ByteSource } from '../bytes/source.ts';
import { wholeUnits } from '../bytes/whole-units.ts';
import { elementByteLength } from '../tensors/dtype.ts';
import type { CheckpointFile, FileRange, TensorEntry } from './format.ts';

/** Tensors up to this size are read in one piece: files have a hundred thousand of them. */
const SMALL_BYTES = 1 << 15;

/** Reads a tensor whose plain bytes stand in a file as they are: pieces of whole elements. */
export function readVerbatim(files: readonly CheckpointFile[], tensor: TensorEntry): AsyncIterable<Uint8Array> {
  invariant(tensor.at !== undefined, `the bytes of ${tensor.name} stand in a file`);
  const file = files[tensor.at.file];
  invariant(file !== undefined, `the file of ${tensor.name} is one of the checkpoint's`);
  const unit = elementByteLength(tensor.dtype);
  if (tensor.at.byteLength <= SMALL_BYTES && tensor.at.byteLength % unit === 0)
    return readAtOnce(file.source, tensor.at);
  return wholeUnits(file.source.stream(tensor.at.offset, tensor.at.byteLength), unit);
}

async function* readAtOnce(source: ByteSource, { offset, byteLength }: FileRange): AsyncIterable<Uint8Array> {
  yield await source.read(offset, byteLength);
}

/** Closes all files of a checkpoint. */
export async function closeFiles(files: readonly { readonly source: ByteSource }[]): Promise<void> {
  for (const { source } of files) await source.close();
}
