import { basename, join } from 'node:path';
import { CorruptError } from '../errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import {
  checkHeader,
  decodeTrailer,
  HEADER_BYTES,
  type PackRow,
  type PackTrailer,
  ROW_BYTES,
  TRAILER_BYTES,
} from './pack-format.ts';
import { PackIndex } from './pack-index.ts';

/** A complete pack on disk: its index in memory, its records not. */
export interface PackFile {
  readonly path: string;
  readonly byteLength: number;
  readonly trailer: PackTrailer;
  readonly index: PackIndex;
}

/** Most packs are read at once: this much from their end holds the index of about a thousand blobs. */
const TAIL_BYTES = 64 * 1024;

/** Where the packs of a repository are, below its directory. */
export const packDirectory = (directory: string): string => join(directory, 'blobs', 'packs');

export const packName = (sha256: string): string => `${sha256}.pack`;
export const isPackName = (name: string): boolean => /^[0-9a-f]{64}\.pack$/.test(name);

async function readExactly(file: DiskFile, offset: number, byteLength: number): Promise<Uint8Array> {
  const bytes = await file.read(offset, byteLength);
  if (bytes.byteLength !== byteLength) throw new CorruptError('a pack ends early');
  return bytes;
}

/** A version that only the trailer has is damage: a newer wsvc writes the same in the header. */
async function readTrailer(file: DiskFile, bytes: Uint8Array, byteLength: number): Promise<PackTrailer> {
  try {
    return decodeTrailer(bytes, byteLength);
  } catch (error) {
    checkHeader(await file.read(0, HEADER_BYTES));
    throw error instanceof CorruptError ? error : new CorruptError("a pack's header and trailer disagree");
  }
}

async function readEnd(file: DiskFile, path: string, byteLength: number): Promise<PackFile> {
  if (byteLength < TRAILER_BYTES) throw new CorruptError('a pack is too short');
  const tailStart = Math.max(0, byteLength - TAIL_BYTES);
  const tail = await readExactly(file, tailStart, byteLength - tailStart);
  const trailer = await readTrailer(file, tail.subarray(tail.byteLength - TRAILER_BYTES), byteLength);
  if (packName(trailer.sha256) !== basename(path)) throw new CorruptError("a pack's name is not its hash");
  const indexByteLength = trailer.count * ROW_BYTES;
  const start = trailer.indexOffset - tailStart;
  const index =
    start >= 0
      ? tail.subarray(start, start + indexByteLength)
      : await readExactly(file, trailer.indexOffset, indexByteLength);
  return { path, byteLength, trailer, index: new PackIndex(index, trailer) };
}

async function withFile<T>(disk: Disk, path: string, work: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path, 'r');
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

/**
 * Opens a pack: reads and checks its trailer and index.
 *
 * @throws CorruptError when it is truncated or damaged there; WsvcError `format-version` when it is newer than this wsvc.
 */
export async function openPack(disk: Disk, path: string): Promise<PackFile> {
  const byteLength = (await disk.find(path))?.byteLength ?? 0;
  return withFile(disk, path, (file) => readEnd(file, path, byteLength));
}

/** Reads one record's bytes. @throws CorruptError when the pack ends before. */
export function readRecordBytes(disk: Disk, path: string, row: PackRow): Promise<Uint8Array> {
  return withFile(disk, path, (file) => readExactly(file, row.offset, row.recordByteLength));
}

/** What is read around a small record, in bytes: the records of a small checkpoint stand together, and to open a file takes longer than to read this. */
const WINDOW_BYTES = 64 * 1024;

/** Bytes of a pack from an offset on. */
interface Window {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Reads records one after the other, small ones from what was read around the last. Packs are never changed. */
export class RecordReader {
  readonly #disk: Disk;
  #window: Window | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** As {@link readRecordBytes}. @throws CorruptError when the pack ends before. */
  async read(path: string, row: PackRow): Promise<Uint8Array> {
    if (row.recordByteLength > WINDOW_BYTES / 4) return readRecordBytes(this.#disk, path, row);
    const known = this.#find(path, row);
    if (known !== undefined) return known;
    const offset = Math.max(0, row.offset - WINDOW_BYTES / 2);
    const bytes = await withFile(this.#disk, path, (file) => file.read(offset, WINDOW_BYTES));
    this.#window = { path, offset, bytes };
    const found = this.#find(path, row);
    if (found === undefined) throw new CorruptError('a pack ends early');
    return found;
  }

  /** A copy: what is kept of a record must not keep the window. */
  #find(path: string, { offset, recordByteLength }: PackRow): Uint8Array | undefined {
    if (this.#window?.path !== path) return undefined;
    const start = offset - this.#window.offset;
    const end = start + recordByteLength;
    return start >= 0 && end <= this.#window.bytes.byteLength ? this.#window.bytes.slice(start, end) : undefined;
  }
}
