import { collectBytes } from '../../../src/bytes/collect.ts';
import { directoryFiles } from '../../../src/bytes/directory-files.ts';
import { memorySource } from '../../../src/bytes/memory-source.ts';
import type { FileSet } from '../../../src/bytes/source.ts';
import type { OpenCheckpoint, TensorEntry } from '../../../src/formats/format.ts';
import { openKnownCheckpoint } from '../../../src/formats/registry.ts';

/** Opens bytes as if they were a file of that name, beside others. */
export function openBytes(
  bytes: Uint8Array,
  primary = 'model.pt',
  others: Readonly<Record<string, Uint8Array>> = {},
): Promise<OpenCheckpoint> {
  const files: FileSet = {
    primary,
    async open(name) {
      const found = name === primary ? bytes : others[name];
      return found === undefined ? undefined : memorySource(found);
    },
  };
  return openKnownCheckpoint(files);
}

/** Opens a file of the disk. */
export function openPath(path: string): Promise<OpenCheckpoint> {
  return openKnownCheckpoint(directoryFiles(path));
}

/** A tensor's bytes as hex; where it says that they stand verbatim, checked to be those. */
async function hexOf(checkpoint: OpenCheckpoint, tensor: TensorEntry): Promise<string> {
  const bytes = Buffer.from(await collectBytes(checkpoint.readTensor(tensor)));
  if (tensor.at !== undefined) {
    const source = checkpoint.files[tensor.at.file]?.source;
    const verbatim = await source?.read(tensor.at.offset, tensor.at.byteLength);
    if (!bytes.equals(verbatim ?? new Uint8Array(1))) throw new Error(`${tensor.name} does not stand where it says.`);
  }
  return bytes.toString('hex');
}

/** What a checkpoint holds, for comparison: `{name: [dtype, shape, hex]}`. */
export async function contentOf(checkpoint: OpenCheckpoint): Promise<Record<string, unknown>> {
  const content: [string, unknown][] = [];
  for (const tensor of checkpoint.tensors) {
    content.push([tensor.name, [tensor.dtype, [...tensor.shape], await hexOf(checkpoint, tensor)]]);
  }
  return Object.fromEntries(content);
}
