import { stat } from 'node:fs/promises';
import { WsvcError } from '../errors.ts';
import type { CommitId, FileHash } from '../objects/ids.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import { readSavedHashes } from './saved-contents.ts';
import { createFileHasher } from './stat-cache.ts';
import { toTreePath } from './work-tree.ts';

/** Refuses to overwrite or remove bytes that exist nowhere else; without a replacement the file is to be removed. */
export type CheckOverwrite = (file: string, replacement: FileHash | undefined) => Promise<void>;

/** Absent is fine; a file where a folder must be is not, and nothing may be written before that is known. */
async function isPresent(file: string, name: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return false;
    if (code !== 'ENOTDIR') throw error;
    throw new WsvcError('not-saved', `A file stands where the folder of ${name} must be.`, {
      suggestions: ['Move that file away first.'],
    });
  }
}

/**
 * Makes the check: a file may be replaced when it is absent, equal to what comes, or saved.
 *
 * @param tips - commits from which a content must be reachable to be saved: those that refs will hold after the change.
 */
export async function createOverwriteCheck(
  repository: Repository,
  options: { readonly force?: boolean; readonly tips?: readonly CommitId[] } = {},
): Promise<CheckOverwrite> {
  const saved = await readSavedHashes(repository, (await readRecordedCheckpoints(repository, options.tips)).values());
  const hash = await createFileHasher(repository);
  return async (file, replacement) => {
    const name = toTreePath(repository, file);
    if (!(await isPresent(file, name)) || options.force) return;
    const current = await hash(file);
    if (current === replacement || saved.has(current)) return;
    throw new WsvcError('not-saved', `${name} holds what would be saved nowhere else.`, {
      suggestions: ['Use "wsvc add" and "wsvc commit" to save it first, or --force to give it up.'],
    });
  };
}
