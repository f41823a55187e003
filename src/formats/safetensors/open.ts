import { toDeclared } from '../declared.ts';
import type { CheckpointFile, OpenCheckpoint, TensorEntry } from '../format.ts';
import { classifyRole } from '../roles.ts';
import { closeFiles, readVerbatim } from '../verbatim.ts';
import type { SafetensorsHeader } from './header.ts';

/** Of headers of the first file; one may be that of several checkpoints. */
const entriesOf = new WeakMap<SafetensorsHeader, readonly TensorEntry[]>();

/** The tensors of one file of a checkpoint: of one header always the same. */
export function toEntries(header: SafetensorsHeader, file: number): readonly TensorEntry[] {
  if (file > 0) return listEntries(header, file);
  const entries = entriesOf.get(header) ?? listEntries(header, file);
  entriesOf.set(header, entries);
  return entries;
}

function listEntries(header: SafetensorsHeader, file: number): readonly TensorEntry[] {
  return header.tensors.map(({ name, dtype, shape, begin, end }) => ({
    name,
    dtype,
    shape,
    role: classifyRole(name, dtype),
    at: { file, offset: header.dataOffset + begin, byteLength: end - begin },
  }));
}

/** Makes a checkpoint of files whose tensors all stand verbatim in them. */
export function verbatimCheckpoint(
  files: readonly CheckpointFile[],
  tensors: readonly TensorEntry[],
  metadata: Iterable<readonly [string, unknown]>,
): OpenCheckpoint {
  return {
    format: 'safetensors',
    files,
    tensors,
    declared: toDeclared(metadata),
    readTensor: (tensor) => readVerbatim(files, tensor),
    close: () => closeFiles(files),
  };
}
