import type { Stats } from 'node:fs';
import { link, lstat, open, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { createSha256 } from '../bytes/sha256.ts';
import { CorruptError, WsvcError } from '../errors.ts';
import { LEFTOVER_GRACE_MS, readDiskTime } from '../store/atomic-file.ts';
import { openBlobStore } from '../store/pack-blob-store.ts';
import { forgetMoved, readMoved, rememberMoved } from './moved-files.ts';
import type { ProgressEvent } from './operation.ts';
import { filesOf, type PendingCheckpoint, pointerOf } from './pending.ts';
import { temporaryFor } from './replace-file.ts';
import type { Repository } from './repository.ts';
import { hashFile } from './stat-cache.ts';
import { storedSource } from './stored-files.ts';
import { isPresent, toTreePath } from './work-tree.ts';

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

/** A renaming leaves these as they are. */
const hasSameBytes = (a: Stats, b: Stats): boolean => a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;
const isSame = (a: Stats, b: Stats): boolean => hasSameBytes(a, b) && a.ctimeMs === b.ctimeMs;

/** Gives a file its name back, unless somebody has put another there meanwhile, and with it given up what stood there. */
async function putBack(aside: string, file: string): Promise<void> {
  try {
    await link(aside, file);
  } catch {
    // Some file systems have no links.
    if (!(await isPresent(file))) return rename(aside, file);
  }
  await unlink(aside);
}

/** Removes a file only while it is what was stored: renamed first, so that what is looked at last is what goes. */
async function removeIfUnchanged(file: string, sha256: string): Promise<boolean> {
  const before = await lstat(file);
  if (!before.isFile() || (await hashFile(file)) !== sha256 || !isSame(before, await lstat(file))) return false;
  const aside = temporaryFor(file);
  await rename(file, aside);
  if (!hasSameBytes(before, await lstat(aside))) {
    await putBack(aside, file);
    return false;
  }
  await unlink(aside);
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

/** What became of the files of one checkpoint: absent where they were taken away. */
export type Left = 'changed' | 'unfinished' | undefined;

/**
 * True for a broken file that was written to within the last hour: whoever writes it may only be slow, and would lose what is still to
 * come. One that nobody has touched for longer is broken for good, and is kept as it is like any other.
 */
async function isUnfinished(checkpoint: PendingCheckpoint, nowMs: number): Promise<boolean> {
  if (checkpoint.plan.manifest.problem === undefined) return false;
  const times = await Promise.all(filesOf(checkpoint).map(async (file) => (await lstat(file)).mtimeMs));
  return times.some((time) => time > nowMs - LEFTOVER_GRACE_MS);
}

async function takeOne(checkpoint: PendingCheckpoint): Promise<{ readonly gone: number; readonly left: Left }> {
  const files = filesOf(checkpoint);
  let gone = 0;
  let left: Left;
  // The primary goes last: as long as it is there, the checkpoint is where it was.
  for (const [index, file] of [...files.entries()].reverse()) {
    const sha256 = checkpoint.plan.manifest.files[index]?.sha256 ?? '';
    if (left === undefined && (await removeIfUnchanged(file, sha256))) gone += 1;
    else left = 'changed';
  }
  await syncFolder(path.dirname(checkpoint.absolutePath));
  return { gone, left };
}

/**
 * Takes files away whose content is stored and staged: it is read back from the disk first, and an entry that keeps it from being collected
 * is durable before the first file goes. At any moment the file or the stored content is there. Files that are perhaps still being
 * written stay.
 *
 * @returns what stayed, and why.
 * @throws CorruptError when what was stored does not read back: then nothing was taken away.
 */
export async function* takeAway(
  repository: Repository,
  pending: readonly PendingCheckpoint[],
): AsyncGenerator<ProgressEvent, ReadonlyMap<PendingCheckpoint, Left>, void> {
  const left = new Map<PendingCheckpoint, Left>();
  const nowMs = await readDiskTime(repository.directory);
  for (const one of pending) if (await isUnfinished(one, nowMs)) left.set(one, 'unfinished');
  const going = pending.filter((one) => !left.has(one));
  yield { phase: 'Reading back', done: 0, total: going.length };
  await verifyStored(repository, going);
  await rememberMoved(
    repository,
    going.map((checkpoint) => ({ path: checkpoint.path, pointer: pointerOf(checkpoint) })),
  );
  const stayed = new Set<string>();
  for (const [done, checkpoint] of going.entries()) {
    yield { phase: 'Taking away', done, total: going.length, detail: checkpoint.path };
    const taken = await takeOne(checkpoint);
    left.set(checkpoint, taken.left);
    if (taken.gone === 0) stayed.add(checkpoint.path);
  }
  await forgetMoved(repository, stayed);
  return left;
}
