import type { ByteSource } from '../../bytes/source.ts';
import { BadFileError } from '../../errors.ts';
import { TruncatedPickleError } from './cursor.ts';
import { type PickleResult, readPickle } from './read-pickle.ts';

/** A pickle is read into memory; one of a checkpoint holds names and shapes, not weights. */
export const MAX_PICKLE_BYTES = 256 * 1024 * 1024;
const FIRST_WINDOW_BYTES = 64 * 1024;
const WINDOW_GROWTH = 8;

/**
 * Reads one pickle of unknown length out of a file; `end` counts from the start of the file.
 *
 * @throws BadFileError when it breaks a rule, or does not end within the file and {@link MAX_PICKLE_BYTES}.
 */
export async function readPickleAt(source: ByteSource, offset: number): Promise<PickleResult> {
  const available = Math.max(0, source.byteLength - offset);
  for (let window = FIRST_WINDOW_BYTES; ; window *= WINDOW_GROWTH) {
    const byteLength = Math.min(window, available, MAX_PICKLE_BYTES);
    const bytes = await source.read(Math.min(offset, source.byteLength), byteLength);
    try {
      const result = readPickle(bytes, { fileOffset: offset });
      return { ...result, end: offset + result.end };
    } catch (error) {
      if (!(error instanceof TruncatedPickleError) || byteLength === available) throw error;
      if (byteLength === MAX_PICKLE_BYTES) throw tooLarge(offset);
    }
  }
}

function tooLarge(byteOffset: number): BadFileError {
  return new BadFileError({
    format: 'pickle',
    rule: `a pickle must not be larger than ${MAX_PICKLE_BYTES} bytes`,
    byteOffset,
  });
}
