import type { ByteSource } from '../../bytes/source.ts';
import type { BadFileError } from '../../errors.ts';
import type { Format, OpenCheckpoint } from '../format.ts';

/** Opens a file of which only the bytes are known: it has no tensors, and is stored as it is. */
export function openUnknown(primary: ByteSource, name: string, problem?: BadFileError): OpenCheckpoint {
  return {
    format: 'unknown',
    files: [{ name, source: primary }],
    tensors: [],
    declared: {},
    ...(problem === undefined ? {} : { problem }),
    async *readTensor() {},
    close: () => primary.close(),
  };
}

/** Every file there is. */
export const unknown: Format = {
  name: 'unknown',
  matches: () => true,
  open: async (primary, files) => openUnknown(primary, files.primary),
};
