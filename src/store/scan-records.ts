import { CorruptError } from '../errors.ts';
import type { DiskFile } from './disk.ts';
import { decodeRecord, type PackRecord } from './pack-record.ts';
import { MAX_HEAD_BYTES, measureRecord } from './record-bases.ts';

/** A record whose checksum is right, found without the pack's index. */
export interface ScannedRecord {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly record: PackRecord;
}

/** How much of a pack is held while it is looked through. */
const WINDOW_BYTES = 1024 * 1024;
/** The first byte of every record: an array of seven. */
const FIRST_BYTE = 0x97;

/** A file that is read from front to back, in small steps and large pieces. */
class Window {
  readonly #file: DiskFile;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array();

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** What is held from `offset` on: at least `byteLength` bytes, if the file has them. */
  async from(offset: number, byteLength: number): Promise<Uint8Array> {
    const isHeld = offset >= this.#start && offset + byteLength <= this.#start + this.#bytes.byteLength;
    if (!isHeld) {
      this.#bytes = await this.#file.read(offset, Math.max(byteLength, WINDOW_BYTES));
      this.#start = offset;
    }
    return this.#bytes.subarray(offset - this.#start);
  }
}

async function readRecordAt(window: Window, offset: number, end: number): Promise<ScannedRecord | undefined> {
  const byteLength = measureRecord((await window.from(offset, MAX_HEAD_BYTES)).subarray(0, MAX_HEAD_BYTES));
  if (byteLength === undefined || offset + byteLength > end) return undefined;
  const bytes = (await window.from(offset, byteLength)).slice(0, byteLength);
  try {
    return { offset, bytes, record: decodeRecord(bytes) };
  } catch (error) {
    if (error instanceof CorruptError) return undefined;
    throw error;
  }
}

/**
 * Yields the whole records of a pack in the order in which they stand, by what they say about themselves alone: header, index
 * and trailer may be damaged or gone, and so may records between. Bytes that happen to look like a record decode to a blob
 * that nobody asks for.
 *
 * @throws WsvcError `format-version` for a record that a newer wsvc has written.
 */
export async function* scanRecords(file: DiskFile, fileByteLength: number): AsyncGenerator<ScannedRecord, void, void> {
  const window = new Window(file);
  for (let at = 0; at < fileByteLength; ) {
    const held = await window.from(at, 1);
    const next = held.indexOf(FIRST_BYTE);
    const found = next === 0 ? await readRecordAt(window, at, fileByteLength) : undefined;
    if (found !== undefined) yield found;
    at += found?.bytes.byteLength ?? (next < 0 ? held.byteLength : Math.max(1, next));
    if (held.byteLength === 0) return;
  }
}
