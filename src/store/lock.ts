import { ftruncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WsvcError } from '../errors.ts';
import { removeLeftovers } from './atomic-file.ts';
import { nodeDisk } from './disk.ts';
import { tryLock } from './kernel-lock.ts';

/** How a lock is taken. */
export interface LockOptions {
  /** What the holder is doing, for the message that others get: "wsvc add". */
  readonly purpose: string;
  /** How long to wait for another holder, in milliseconds; 0 by default: fail at once. */
  readonly waitMs?: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** The exclusive right to change a repository; released by `release`, `await using`, or the end of the process. */
export interface Lock extends AsyncDisposable {
  release(): Promise<void>;
}

const POLL_MS = 20;
const decoder = new TextDecoder();

function lockedError(directory: string, holder: string): WsvcError {
  const [, id, purpose] = /^(\d+) ([^\n]{1,200})\n$/.exec(holder) ?? [];
  const who = id === undefined ? '' : ` (process ${id} ${purpose})`;
  const isStuck = id === undefined ? 'If it never ends, end it' : `If it never ends, end it ("kill ${id}")`;
  return new WsvcError('locked', `Another process is changing the repository${who}.`, {
    suggestions: [
      'Wait until it is done and run the command again.',
      `${isStuck}: its lock ends with it, nothing that was saved is lost, and "${join(directory, 'lock')}" may stay.`,
    ],
  });
}

function writeHolder(fd: number, text: string): void {
  ftruncateSync(fd, 0);
  writeSync(fd, text);
}

/**
 * Takes the lock of a repository (`.wsvc/lock`): one writer at a time. It is a lock of the kernel on an open file, so a
 * dead process holds nothing, and the file itself stays. What dead processes left in `.wsvc/tmp` is removed.
 *
 * @throws WsvcError `locked` when another process holds it, `interrupted` when the signal ended the waiting.
 */
export async function acquireLock(directory: string, options: LockOptions): Promise<Lock> {
  const path = join(directory, 'lock');
  const file = await nodeDisk.open(path, 'a+');
  try {
    for (let waited = 0; !(await tryLock(file.fd)); waited += POLL_MS) {
      if (options.signal?.aborted) throw new WsvcError('interrupted', 'Interrupted while waiting for the lock.');
      if (waited >= (options.waitMs ?? 0)) throw lockedError(directory, decoder.decode(await file.read(0, 256)));
      await sleep(POLL_MS);
    }
    await removeLeftovers(join(directory, 'tmp'));
    writeHolder(file.fd, `${process.pid} ${options.purpose.replaceAll('\n', ' ')}\n`);
  } catch (error) {
    await file.close();
    throw error;
  }
  let isHeld = true;
  const release = async () => {
    if (!isHeld) return;
    isHeld = false;
    await file.close();
  };
  return { release, [Symbol.asyncDispose]: release };
}
