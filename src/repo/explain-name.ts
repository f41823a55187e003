import { stat } from 'node:fs/promises';
import path from 'node:path';
import { WsvcError } from '../errors.ts';

/** True when `named` is a folder on disk. */
async function isFolderOnDisk(workingDirectory: string, named: string): Promise<boolean> {
  return stat(path.resolve(workingDirectory, named)).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** @throws WsvcError `usage` where a file is wanted, and `named` is a folder. */
export async function refuseFolder(workingDirectory: string, named: string, cause?: unknown): Promise<void> {
  if (named === '' || !(await isFolderOnDisk(workingDirectory, named))) return;
  throw new WsvcError('usage', `${named} is a folder.`, { cause, suggestions: ['Name a model file in it.'] });
}

/**
 * Reads what is stored under a name that is no file on disk; where nothing is, says that it was looked for as both.
 *
 * @throws WsvcError `usage` for a folder, else `not-found` or `no-repository`.
 */
export async function readNamed<T>(workingDirectory: string, named: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof WsvcError) || (cause.code !== 'not-found' && cause.code !== 'no-repository')) throw cause;
    await refuseFolder(workingDirectory, named, cause);
    throw new WsvcError(cause.code, `There is no file ${named}. ${cause.message}`, {
      cause,
      suggestions: cause.suggestions,
    });
  }
}

/** Where a file is written: as `output` says, under its own name where that is a folder or ends like one. */
export async function resolveOutput(workingDirectory: string, output: string, name: string): Promise<string> {
  const isFolder = /[/\\]$/.test(output) || (await isFolderOnDisk(workingDirectory, output));
  return path.resolve(workingDirectory, output, isFolder ? path.basename(name) : '');
}
