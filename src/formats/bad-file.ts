import { BadFileError, WsvcError } from '../errors.ts';
import type { FormatName } from './format.ts';

/** Makes the error for one broken rule; `rule` is a clause that says what must hold, or what the file has instead. */
export function badFile(format: FormatName, rule: string, byteOffset?: number, cause?: unknown): BadFileError {
  const broken = byteOffset === undefined ? { format, rule } : { format, rule, byteOffset };
  return new BadFileError(broken, cause === undefined ? {} : { cause });
}

/**
 * Sees an error as one of a file's: reads beyond an end and names that leave the folder are the file's fault too.
 *
 * @throws the error itself when it is no `bad-file`
 */
export function toBadFile(format: FormatName, error: unknown): BadFileError {
  if (error instanceof BadFileError) return error;
  if (error instanceof WsvcError && error.code === 'bad-file') {
    return badFile(format, error.message.replace(/\.$/, ''), undefined, error);
  }
  throw error;
}
