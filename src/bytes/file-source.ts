import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { WsvcError } from '../errors.ts';
import { memorySource } from './memory-source.ts';
import { checkRange } from './ranges.ts';
import { type ByteSource, CHUNK_BYTES, type FileStamp } from './source.ts';

/** The stamp of a file that was looked at. */
export function stampOf(stats: Stats): FileStamp {
  return { byteLength: stats.size, modifiedMs: stats.mtimeMs, changedMs: stats.ctimeMs, inode: stats.ino };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function openFailure(path: string, cause: unknown): WsvcError {
  if (isMissing(cause)) return new WsvcError('not-found', `There is no file ${path}.`, { cause });
  return new WsvcError('system', `Cannot open ${path}.`, { cause });
}

/** Opening a pipe would otherwise wait for a writer for ever. */
const READ_WITHOUT_WAITING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** A small file as it is now. */
interface SmallFile {
  readonly bytes: Uint8Array;
  readonly stamp: FileStamp;
}

/** Reads a file that is small, at once: each step of its own in the background takes more than all of them do here. */
function readIfSmall(path: string): SmallFile | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, READ_WITHOUT_WAITING);
  } catch (cause) {
    throw openFailure(path, cause);
  }
  try {
    const stats = fstatSync(descriptor);
    // Only a regular file has bytes that stay.
    if (!stats.isFile()) throw new WsvcError('not-found', `${path} is not a regular file.`);
    if (stats.size > WHOLE_BYTES) return undefined;
    return { bytes: readAllSync(descriptor, stats.size), stamp: stampOf(stats) };
  } finally {
    closeSync(descriptor);
  }
}

function readAllSync(descriptor: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  for (let filled = 0; filled < byteLength; ) {
    const bytesRead = readSomeSync(descriptor, bytes, filled);
    if (bytesRead === 0) throw shortened();
    filled += bytesRead;
  }
  return bytes;
}

function readSomeSync(descriptor: number, target: Uint8Array, filled: number): number {
  try {
    return readSync(descriptor, target, filled, target.byteLength - filled, filled);
  } catch (cause) {
    throw new WsvcError('system', 'Cannot read a file.', { cause });
  }
}

const shortened = (): WsvcError => new WsvcError('bad-file', 'The file became shorter while it was read.');

async function openLarge(path: string): Promise<FileHandle> {
  try {
    return await open(path, READ_WITHOUT_WAITING);
  } catch (cause) {
    throw openFailure(path, cause);
  }
}

async function readSome(handle: FileHandle, target: Uint8Array, filled: number, position: number): Promise<number> {
  try {
    return (await handle.read(target, filled, target.byteLength - filled, position)).bytesRead;
  } catch (cause) {
    throw new WsvcError('system', 'Cannot read a file.', { cause });
  }
}

/** Memory that was not cleared: it is written over at once. */
const allocate = (byteLength: number): Uint8Array => new Uint8Array(Buffer.allocUnsafeSlow(byteLength).buffer);

async function readFully(
  handle: FileHandle,
  offset: number,
  byteLength: number,
  target = allocate(byteLength),
): Promise<Uint8Array> {
  for (let filled = 0; filled < byteLength; ) {
    const bytesRead = await readSome(handle, target, filled, offset + filled);
    if (bytesRead === 0) throw shortened();
    filled += bytesRead;
  }
  return target;
}

/** Files up to this size are read at once: a small one is opened, read and closed in the time that two reads of its parts take. */
const WHOLE_BYTES = 1 << 17;

/** Views of one buffer begin anywhere; a copy is aligned. */
function copyOnRead(source: ByteSource): ByteSource {
  return { ...source, read: async (offset, byteLength) => (await source.read(offset, byteLength)).slice() };
}

/** Reads up to this size that follow each other are served from a window: a file of thousands of small tensors would be read in as many calls. */
const SMALL_BYTES = 1 << 15;
const WINDOW_BYTES = 1 << 18;

/** Small reads of one file, a window ahead where they follow each other. */
function readAhead(handle: FileHandle, byteLength: number): (offset: number, length: number) => Promise<Uint8Array> {
  let window: { readonly start: number; readonly bytes: Uint8Array } = { start: 0, bytes: new Uint8Array(0) };
  let end = 0;
  const isIn = (offset: number, length: number) =>
    offset >= window.start && offset + length <= window.start + window.bytes.byteLength;
  return async (offset, length) => {
    const follows = offset >= end && offset <= end + SMALL_BYTES;
    end = offset + length;
    if (!isIn(offset, length)) {
      if (!follows) return readFully(handle, offset, length);
      const ahead = await readFully(handle, offset, Math.min(WINDOW_BYTES, byteLength - offset));
      window = { start: offset, bytes: ahead };
      return ahead.slice(0, length);
    }
    return window.bytes.slice(offset - window.start, offset - window.start + length);
  };
}

/**
 * Opens a file on disk. Each read has a buffer of its own, aligned for every element type. A small file stays what it was when it was opened.
 *
 * @throws WsvcError `not-found` when there is no regular file; `system` when it cannot be opened.
 */
export async function openFileSource(path: string): Promise<ByteSource> {
  const small = readIfSmall(path);
  if (small !== undefined) return { ...copyOnRead(memorySource(small.bytes)), stamp: small.stamp };
  const handle = await openLarge(path);
  const stamp = stampOf(await handle.stat());
  const { byteLength } = stamp;
  const readSmall = readAhead(handle, byteLength);
  return {
    byteLength,
    stamp,
    async read(offset, length) {
      checkRange(byteLength, offset, length);
      return length <= SMALL_BYTES ? readSmall(offset, length) : readFully(handle, offset, length);
    },
    async *stream(offset = 0, length = byteLength - offset, room = undefined) {
      checkRange(byteLength, offset, length);
      for (let at = 0; at < length; at += CHUNK_BYTES) {
        const size = Math.min(CHUNK_BYTES, length - at);
        yield await readFully(handle, offset + at, size, room?.subarray(0, size));
      }
    },
    async close() {
      await handle.close();
    },
  };
}
