import { basename, dirname, join } from 'node:path';
import { WsvcError } from '../errors.ts';
import { openFileSource } from './file-source.ts';
import type { ByteSource, FileSet } from './source.ts';

/**
 * True for a relative path that stays below the folder it is relative to, on every operating system.
 * Names in model files are somebody else's; symbolic links in the folder are the user's own and are followed.
 */
export function isInsideName(name: string): boolean {
  if (name === '' || /[\\:\0]/.test(name)) return false;
  return name.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

async function openIfPresent(path: string): Promise<ByteSource | undefined> {
  try {
    return await openFileSource(path);
  } catch (error) {
    if (error instanceof WsvcError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** Makes the file set of a file on disk and its siblings; `open` throws `bad-file` for names that leave the folder. */
export function directoryFiles(filePath: string): FileSet {
  const folder = dirname(filePath);
  const primary = basename(filePath);
  return {
    primary,
    async open(name) {
      // The primary was named by the user and may have any name; all others come out of a model file.
      if (name !== primary && !isInsideName(name)) {
        throw new WsvcError('bad-file', `The file name ${JSON.stringify(name)} leaves the folder.`);
      }
      return openIfPresent(join(folder, name));
    },
  };
}
