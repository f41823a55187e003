import type { Stats } from 'node:fs';
import { lstat, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { createSha256 } from '../bytes/sha256.ts';
import { CorruptError, WsvcError } from '../errors.ts';
import { openBlobStore } from '../store/pack-blob-store.ts';
import { forgetMoved, readMoved, rememberMoved } from './moved-files.ts';
import { filesOf, type PendingCheckpoint, pointerOf } from './pending.ts';
import type { Repository } from './repository.ts';
import type { ProgressEvent } from './results.ts';
import { hashFile } from './stat-cache.ts';
import { storedSource } from './stored-files.ts';
import { toTreePath } from './work-tree.ts';

function refuse(name: string, why: string, suggestion: string): never {
  throw new WsvcError('usage', `${name} cannot be moved into the repository: ${why}.`, { suggestions: [suggestion] });
}

/**
 * Refuses, before anything is stored, files that must not be taken away.
 *
 * @throws WsvcError `usage`.
 */
export async function checkMovable(repository: Repository, pending: readonly PendingCheckpoint[]): Promise<void> {
  const waiting = new Map((await readMoved(repository)).filter((one) => one.isWaiting).map((one) => [one.path, one]));
  for (const checkpoint of pending) {
    const { problem } = checkpoint.plan.manifest;
    if (problem !== undefined) {
      refuse(checkpoint.path, `it is broken, or is still being written (${problem})`, 'Add it without --move.');
    }
    const earlier = waiting.get(checkpoint.path);
    if (earlier !== undefined && earlier.pointer.manifest !== checkpoint.plan.id) {
      refuse(
        checkpoint.path,
        'an earlier file of that name was moved in and is not committed',
        'Run "wsvc commit" first.',
      );
    }
    for (const file of filesOf(checkpoint)) {
      const stats = await lstat(file);
      if (!stats.isFile()) {
        refuse(
          toTreePath(repository, file),
          'it is a symbolic link',
          'Add it without --move, or name the file itself.',
        );
      }
    }
  }
}

/** Reads what was stored from the disk, with nothing remembered, and compares it with what was added. */
async function verifyStored(repository: Repository, pending: readonly PendingCheckpoint[]): Promise<void> {
  const blobs = await openBlobStore(repository.directory);
  for (const { plan, path: name } of pending) {
    await blobs.read(plan.id);
    for (const file of plan.manifest.files) {
      const hash = createSha256();
      for await (const piece of storedSource(file, blobs).stream()) hash.update(piece);
      if (hash.hex() !== file.sha256) throw new CorruptError(`${name} was not stored as it is; it was not taken away`);
    }
  }
}

const isSame = (a: Stats, b: Stats): boolean =>
  a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;

/** Removes a file only while it is what was stored. */
async function removeIfUnchanged(file: string, sha256: string): Promise<boolean> {
  const before = await lstat(file);
  if (!before.isFile() || (await hashFile(file)) !== sha256 || !isSame(before, await lstat(file))) return false;
  await unlink(file);
  return true;
}

/** Makes a removal durable; where a folder cannot be opened the file system sees to it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What became of the files of one checkpoint. */
interface Taken {
  readonly moved: readonly string[];
  /** Files that have changed since they were read: they stay. */
  readonly changed: readonly string[];
}

async function takeOne(repository: Repository, checkpoint: PendingCheckpoint): Promise<Taken> {
  const [moved, changed]: [string[], string[]] = [[], []];
  const files = filesOf(checkpoint);
  // The primary goes last: as long as it is there, the checkpoint is where it was.
  for (const [index, file] of [...files.entries()].reverse()) {
    const sha256 = checkpoint.plan.manifest.files[index]?.sha256 ?? '';
    const isGone = changed.length === 0 && (await removeIfUnchanged(file, sha256));
    (isGone ? moved : changed).push(toTreePath(repository, file));
  }
  await syncFolder(path.dirname(checkpoint.absolutePath));
  return { moved, changed };
}

/**
 * Takes files away whose content is stored and staged: it is read back from the disk first, and an entry that keeps it from being collected
 * is durable before the first file goes. At any moment the file or the stored content is there.
 *
 * @throws CorruptError when what was stored does not read back: then nothing was taken away.
 */
export async function* takeAway(
  repository: Repository,
  pending: readonly PendingCheckpoint[],
): AsyncGenerator<ProgressEvent, ReadonlyMap<PendingCheckpoint, Taken>, void> {
  yield { phase: 'Reading back', done: 0, total: pending.length };
  await verifyStored(repository, pending);
  await rememberMoved(
    repository,
    pending.map((checkpoint) => ({ path: checkpoint.path, pointer: pointerOf(checkpoint) })),
  );
  const taken = new Map<PendingCheckpoint, Taken>();
  for (const checkpoint of pending) {
    yield { phase: 'Taking away', done: taken.size, total: pending.length, detail: checkpoint.path };
    taken.set(checkpoint, await takeOne(repository, checkpoint));
  }
  const stayed = [...taken].filter(([, { moved }]) => moved.length === 0);
  await forgetMoved(repository, new Set(stayed.map(([{ path: name }]) => name)));
  return taken;
}
