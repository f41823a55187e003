import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { stampOf } from '../bytes/file-source.ts';
import { sha256Hex } from '../bytes/sha256.ts';
import type { FileStamp } from '../bytes/source.ts';

/** Appends all of a piece. */
export type PutPiece = (piece: Uint8Array) => Promise<void>;

/** A name beside the target that no model file has, and that is not longer than names may be. */
export function temporaryFor(target: string): string {
  return path.join(path.dirname(target), `.wsvc-${process.pid}-${sha256Hex(Buffer.from(target)).slice(0, 12)}`);
}

/** A new file: what a dead process of the same number has left goes, and a link of that name is not written through. */
async function writeNew(file: string, write: (put: PutPiece) => Promise<void>): Promise<FileStamp> {
  await rm(file, { force: true });
  const handle = await open(file, 'wx');
  try {
    // One `write` may take less than it is given, as on a disk that fills up; `writeFile` goes on until all is written.
    await write((piece) => handle.writeFile(piece));
    await handle.sync();
    return stampOf(await handle.stat());
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file of the work tree: all of it under another name first, then renamed, so that the target is what it was or what it is to be. A
 * link that stands there is replaced, not written through.
 *
 * @param write - writes the content; when it throws, the target is as it was.
 * @param confirm - asked last, when the new file is complete: when it throws, the target is as it was.
 * @returns the stamp of what was written; `undefined` when somebody else has changed the file since.
 */
export async function replaceFile(
  target: string,
  write: (put: PutPiece) => Promise<void>,
  confirm?: () => Promise<void>,
): Promise<FileStamp | undefined> {
  await mkdir(path.dirname(target), { recursive: true });
  const temporary = temporaryFor(target);
  try {
    const written = await writeNew(temporary, write);
    await confirm?.();
    await rename(temporary, target);
    // The renaming is a change of the file too, though not of its bytes.
    const stamp = stampOf(await lstat(target));
    return stamp.inode === written.inode && stamp.modifiedMs === written.modifiedMs ? stamp : undefined;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Makes renames durable; where a folder cannot be opened the file system sees to it. */
export async function syncFolders(folders: readonly string[]): Promise<void> {
  if (process.platform === 'win32') return;
  for (const folder of new Set(folders)) {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  }
}
