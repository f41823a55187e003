import { dirname, join } from 'node:path';
import { type Disk, type DiskFile, isExisting, isMissing, nodeDisk } from './disk.ts';

/** How an atomic file is made. */
export interface AtomicOptions {
  /** Where the bytes are written until they are complete; on the same file system as the target. The target's folder by default. */
  readonly temporaryDirectory?: string;
  readonly disk?: Disk;
}

/** A file that is being written, and that nobody sees under its name before `commit`. */
export interface AtomicFile {
  readonly temporaryPath: string;
  readonly file: DiskFile;
  write(bytes: Uint8Array): Promise<void>;
  /** Flush, rename to `path`, flush the directory: afterwards the file is there, complete, also after a power cut. */
  commit(path: string): Promise<void>;
  /** Removes what was written; harmless after `commit`. */
  discard(): Promise<void>;
}

async function openUnused(disk: Disk, directory: string): Promise<{ path: string; file: DiskFile }> {
  // The pid keeps processes apart; the exclusive create keeps apart two that have had the same pid.
  for (let attempt = 0; ; attempt++) {
    const path = join(directory, `${process.pid}-${attempt}.tmp`);
    try {
      return { path, file: await disk.open(path, 'wx+') };
    } catch (error) {
      if (!isExisting(error)) throw error;
    }
  }
}

async function openTemporary(disk: Disk, directory: string): Promise<{ path: string; file: DiskFile }> {
  try {
    return await openUnused(disk, directory);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await disk.makeDirectory(directory);
    return openUnused(disk, directory);
  }
}

/** Begins a file that appears complete or not at all. */
export async function openAtomicFile(directory: string, options: AtomicOptions = {}): Promise<AtomicFile> {
  const disk = options.disk ?? nodeDisk;
  const { path: temporaryPath, file } = await openTemporary(disk, options.temporaryDirectory ?? directory);
  let isOpen = true;
  const close = async () => {
    if (isOpen) {
      isOpen = false;
      await file.close();
    }
  };
  return {
    temporaryPath,
    file,
    write: (bytes) => file.write(bytes),
    async commit(path) {
      await file.sync();
      await close();
      await disk.rename(temporaryPath, path);
      await disk.syncDirectory(dirname(path));
    },
    async discard() {
      await close();
      await disk.remove(temporaryPath);
    },
  };
}

/**
 * Replaces a file's content at once and durably: readers see the old bytes or the new ones, also after a power cut.
 *
 * @throws WsvcError `system`; the old file is then untouched, unless only the last step (making the rename durable) failed.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array, options: AtomicOptions = {}): Promise<void> {
  const file = await openAtomicFile(dirname(path), options);
  try {
    await file.write(bytes);
    await file.commit(path);
  } catch (error) {
    await discardQuietly(file);
    throw error;
  }
}

/** Drops a file after a failure, without hiding that failure behind a second one. */
export async function discardQuietly(file: Pick<AtomicFile, 'discard'>): Promise<void> {
  try {
    await file.discard();
  } catch {
    // What stays in the temporary folder is removed by `removeLeftovers`.
  }
}

/** How old a temporary file must be before another process may take it for abandoned, in milliseconds (an hour). */
export const LEFTOVER_GRACE_MS = 60 * 60 * 1000;

/** The time by the clock of the file system that a directory is on: what ages of files are told by, in milliseconds since 1970. */
export async function readDiskTime(directory: string, disk: Disk = nodeDisk): Promise<number> {
  const probe = await openAtomicFile(directory, { disk, temporaryDirectory: join(directory, 'tmp') });
  try {
    return (await disk.find(probe.temporaryPath))?.modifiedMs ?? 0;
  } finally {
    await probe.discard();
  }
}

/** A temporary file whose process is dead. */
export interface Leftover {
  readonly path: string;
  readonly byteLength: number;
}

/** True where the process that made a temporary file runs, on this machine. */
function isMakerAlive(name: string): boolean {
  const [, pid] = /^(\d+)-\d+\.tmp$/.exec(name) ?? [];
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Lists temporary files whose processes are dead, as far as this machine can tell. */
export async function listLeftovers(directory: string, disk: Disk = nodeDisk): Promise<readonly Leftover[]> {
  const leftovers: Leftover[] = [];
  const names = (await disk.list(directory)).filter((name) => !isMakerAlive(name));
  for (const name of names) {
    const found = await disk.find(join(directory, name));
    if (found?.kind !== 'file') continue;
    leftovers.push({ path: join(directory, name), byteLength: found.byteLength });
  }
  return leftovers;
}

/**
 * Removes temporary files that no living process can still be writing. The file system's own clock decides: a fresh file
 * is made and the others' ages are told by it. Call it under the repository's lock.
 */
export async function removeLeftovers(directory: string, disk: Disk = nodeDisk): Promise<void> {
  const names = await disk.list(directory);
  if (names.length === 0) return;
  const probe = await openAtomicFile(directory, { disk });
  try {
    const now = (await disk.find(probe.temporaryPath))?.modifiedMs ?? 0;
    for (const name of names) {
      const found = await disk.find(join(directory, name));
      if (found?.kind === 'file' && now - found.modifiedMs > LEFTOVER_GRACE_MS)
        await disk.remove(join(directory, name));
    }
  } finally {
    await probe.discard();
  }
}
