import { setTimeout as sleep } from 'node:timers/promises';
import { WsvcError } from '../errors.ts';
import { discardQuietly, openAtomicFile } from './atomic-file.ts';
import { type Disk, isExisting, isMissing, nodeDisk } from './disk.ts';
import { tryLock } from './kernel-lock.ts';

/** Where temporary files go, and which file operations are used. */
export interface RefLockOptions {
  readonly disk: Disk;
  readonly temporaryDirectory: string;
  /** How long to wait for another process, in milliseconds: a ref is locked for a few of them. */
  readonly waitMs?: number;
}

/** What wsvc writes into git's `.lock` files, so that a dead process's can be told from one of stock git. */
const MARK = new TextEncoder().encode('wsvc\n');
const WAIT_MS = 5_000;
const POLL_MS = 10;

/**
 * Makes the lock file appear with its content and with a kernel lock on it, all at once: whoever finds it can tell
 * from the kernel whether its maker lives.
 */
async function tryMakeLock(path: string, options: RefLockOptions): Promise<(() => Promise<void>) | undefined> {
  const { disk } = options;
  const file = await openAtomicFile(options.temporaryDirectory, { disk });
  try {
    await file.write(MARK);
    // Flushed, or a power cut could leave a lock that is empty, and nobody's.
    await file.file.sync();
    await tryLock(file.file.fd);
    await disk.link(file.temporaryPath, path);
    await disk.remove(file.temporaryPath);
  } catch (error) {
    await discardQuietly(file);
    if (isExisting(error)) return undefined;
    throw error;
  }
  return async () => {
    try {
      await disk.remove(path);
    } finally {
      await file.file.close();
    }
  };
}

/** Removes a lock whose maker is dead. Stock git's locks are left alone: git itself asks the user to remove those. */
async function removeStale(path: string): Promise<void> {
  const file = await nodeDisk.open(path, 'r+').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const isOurs = Buffer.compare(await file.read(0, MARK.byteLength + 1), MARK) === 0;
    if (!isOurs || !(await tryLock(file.fd))) return;
    // The kernel grants this lock to one process at a time; the path may by now be another's fresh lock.
    const named = await nodeDisk.find(path);
    if (named?.inode === (await file.inode())) await nodeDisk.remove(path);
  } finally {
    await file.close();
  }
}

/**
 * Runs `work` while holding git's own lock of a file (`<path>.lock`), which stock git respects too.
 *
 * @throws WsvcError `locked` when another process keeps it.
 */
export async function withRefLock<T>(path: string, options: RefLockOptions, work: () => Promise<T>): Promise<T> {
  const lockPath = `${path}.lock`;
  const release = await waitForLock(lockPath, options);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function waitForLock(path: string, options: RefLockOptions): Promise<() => Promise<void>> {
  for (let waited = 0; ; waited += POLL_MS) {
    const release = await tryMakeLock(path, options);
    if (release !== undefined) return release;
    await removeStale(path);
    if (waited >= (options.waitMs ?? WAIT_MS)) throw lockedError(path);
    await sleep(POLL_MS);
  }
}

function lockedError(path: string): WsvcError {
  return new WsvcError('locked', `Another process holds "${path}".`, {
    suggestions: ['Run the command again when it is done.', `If git was killed here, remove "${path}".`],
  });
}
