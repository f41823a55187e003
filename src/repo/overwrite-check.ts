import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { stampOf } from '../bytes/file-source.ts';
import type { FileStamp } from '../bytes/source.ts';
import { WsvcError } from '../errors.ts';
import type { CommitId, FileHash } from '../objects/ids.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import { readSavedHashes } from './saved-contents.ts';
import { createFileHasher, isSameStamp, settlingTimeMs } from './stat-cache.ts';
import { toTreePath } from './work-tree.ts';

/** Keeps from being overwritten or removed what exists nowhere else. */
export interface OverwriteGuard {
  /**
   * A file may be replaced when it is absent, equal to what comes, or saved; without a replacement it is to be removed.
   *
   * @throws WsvcError `not-saved`
   */
  check(file: string, replacement: FileHash | undefined): Promise<void>;
  /** Just before it happens: what was checked may have been written since. @throws WsvcError `not-saved` */
  confirm(file: string): Promise<void>;
}

/** Absent is fine; a file where a folder must be is not, and nothing may be written before that is known. */
async function findStamp(file: string, name: string): Promise<FileStamp | undefined> {
  try {
    return stampOf(await stat(file));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return undefined;
    if (code !== 'ENOTDIR') throw error;
    throw new WsvcError('not-saved', `A file stands where the folder of ${name} must be.`, {
      suggestions: ['Move that file away first.'],
    });
  }
}

class WorkTreeGuard implements OverwriteGuard {
  readonly #repository: Repository;
  readonly #saved: ReadonlySet<FileHash>;
  readonly #hash: (file: string) => Promise<FileHash>;
  readonly #isForced: boolean;
  /** Files as they were when they were checked. */
  readonly #checked = new Map<string, FileStamp | undefined>();

  constructor(
    repository: Repository,
    options: {
      readonly saved: ReadonlySet<FileHash>;
      hash(file: string): Promise<FileHash>;
      readonly isForced: boolean;
    },
  ) {
    this.#repository = repository;
    this.#saved = options.saved;
    this.#hash = options.hash;
    this.#isForced = options.isForced;
  }

  async check(file: string, replacement: FileHash | undefined): Promise<void> {
    const name = toTreePath(this.#repository, file);
    const stamp = await this.#findSettled(file, name);
    this.#checked.set(file, stamp);
    if (stamp === undefined || this.#isForced) return;
    const current = await this.#hash(file);
    if (current === replacement || this.#saved.has(current)) return;
    throw new WsvcError('not-saved', `${name} holds what would be saved nowhere else.`, {
      suggestions: ['Use "wsvc add" and "wsvc commit" to save it first, or --force to give it up.'],
    });
  }

  async confirm(file: string): Promise<void> {
    if (this.#isForced) return;
    const name = toTreePath(this.#repository, file);
    const [before, now] = [this.#checked.get(file), await findStamp(file, name)];
    if (before === undefined ? now === undefined : now !== undefined && isSameStamp(before, now)) return;
    throw new WsvcError('not-saved', `${name} was written meanwhile; it was left as it is.`, {
      suggestions: ['Use "wsvc add" and "wsvc commit" to save it, then run the command again.'],
    });
  }

  /** The stamp of a file of which every further change will show. */
  async #findSettled(file: string, name: string): Promise<FileStamp | undefined> {
    const stamp = await findStamp(file, name);
    const settlingMs = stamp === undefined ? 0 : settlingTimeMs(stamp, this.#repository.environment.now());
    if (settlingMs === 0) return stamp;
    await sleep(settlingMs);
    return findStamp(file, name);
  }
}

/**
 * Makes the guard of the work tree.
 *
 * @param tips - commits from which a content must be reachable to be saved: those that refs will hold after the change.
 */
export async function createOverwriteGuard(
  repository: Repository,
  options: { readonly force?: boolean; readonly tips?: readonly CommitId[] } = {},
): Promise<OverwriteGuard> {
  const saved = await readSavedHashes(repository, (await readRecordedCheckpoints(repository, options.tips)).values());
  return new WorkTreeGuard(repository, {
    saved,
    hash: await createFileHasher(repository),
    isForced: options.force ?? false,
  });
}
