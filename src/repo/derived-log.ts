import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { appendFile, mkdir, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WsvcError } from '../errors.ts';
import { writeFileAtomic } from '../store/atomic-file.ts';

/** Length, key and checksum that stand before every payload, in bytes. */
const HEADER_BYTES = 4 + 32 + 32;
/** A log up to this size is read whole; of a longer one only what is asked for. */
const WHOLE_BYTES = 1 << 25;
/** A log up to this size, in bytes, is not worth writing anew. */
const LEAST_TO_COMPACT = 1 << 14;

/**
 * A file of derived records by 32-byte key: appended to, thrown away at any time. Nothing is read before the first question, and
 * of a payload nothing before it is asked for. A record whose checksum is wrong does not exist; a torn tail ends the file.
 */
export interface DerivedLog {
  get(key: string): Uint8Array | undefined;
  /** Appends records; when more than half of the file has been replaced since, it is written anew without what was replaced. */
  append(records: readonly { readonly key: string; readonly payload: Uint8Array }[]): Promise<void>;
  /** Writes the log anew with the records of these keys alone. */
  retain(keys: Iterable<string>): Promise<void>;
  readonly size: number;
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** The file as it was when it was first looked at; what others append or replace afterwards is not seen. */
interface OpenLog {
  /** Reads bytes at a place; fewer at the end of the file. */
  readonly read: (at: number, byteLength: number) => Buffer;
  /** Of the file, while it is open. */
  readonly descriptor?: number;
  /** By key; a later record replaces an earlier one. */
  readonly places: ReadonlyMap<string, Place>;
  /** Where the last whole record ends: what a write that was cut short has left lies behind it. */
  readonly end: number;
  readonly byteLength: number;
}

const EMPTY: OpenLog = { read: () => Buffer.alloc(0), places: new Map(), end: 0, byteLength: 0 };

/** Closes the files of logs that nobody holds any longer. */
const closer = new FinalizationRegistry((descriptor: number) => closeSync(descriptor));

/** Of the key as well: a record under another's key would answer for it. */
function checksum(key: Uint8Array, payload: Uint8Array): Buffer {
  return createHash('sha256').update(key).update(payload).digest();
}

function readAt(descriptor: number, at: number, byteLength: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(byteLength);
  return readInto(bytes, descriptor, at);
}

/** Reads as many bytes as there is room for; fewer at the end of the file. */
function readInto(bytes: Buffer, descriptor: number, at: number): Buffer {
  const { byteLength } = bytes;
  let done = 0;
  while (done < byteLength) {
    const count = readSync(descriptor, bytes, done, byteLength - done, at + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/** Finds the records, by their heads alone: checksums are checked when a record is used. */
function scan(read: OpenLog['read'], byteLength: number): Pick<OpenLog, 'places' | 'end'> {
  const places = new Map<string, Place>();
  let at = 0;
  while (at + HEADER_BYTES <= byteLength) {
    const head = read(at, HEADER_BYTES);
    const start = at + HEADER_BYTES;
    const end = start + head.readUInt32LE(0);
    if (end > byteLength) break;
    places.set(head.toString('hex', 4, 36), { start, end });
    at = end;
  }
  return { places, end: at };
}

function openLog(path: string): OpenLog {
  const descriptor = openSync(path, 'r');
  const { size: byteLength } = fstatSync(descriptor);
  if (byteLength > WHOLE_BYTES) {
    const read: OpenLog['read'] = (at, length) => readAt(descriptor, at, length);
    // Thousands of heads, one after the other: in one piece of memory.
    const head = Buffer.alloc(HEADER_BYTES);
    return { read, descriptor, byteLength, ...scan((at) => readInto(head, descriptor, at), byteLength) };
  }
  const whole = readAt(descriptor, 0, byteLength);
  closeSync(descriptor);
  const read: OpenLog['read'] = (at, length) => whole.subarray(at, at + length);
  return { read, byteLength, ...scan(read, byteLength) };
}

function openQuietly(path: string): OpenLog {
  try {
    return openLog(path);
  } catch {
    return EMPTY;
  }
}

function encodeRecord(key: string, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(payload.byteLength);
  const name = Buffer.from(key, 'hex');
  return Buffer.concat([header, name, checksum(name, payload), payload]);
}

/** Writes derived data if that can be done: on a full disk, or in a repository that may only be read, it is left out. */
export async function derive(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const isRefused =
      error instanceof WsvcError ? error.code === 'system' : error instanceof Error && 'syscall' in error;
    if (!isRefused) throw error;
  }
}

class FileLog implements DerivedLog {
  readonly #path: string;
  readonly #appended = new Map<string, Uint8Array>();
  /** Bytes of every record that is valid, and their sum. */
  readonly #live = new Map<string, number>();
  #liveBytes = 0;
  #opened: OpenLog | undefined;
  #isTorn = false;
  #byteLength = 0;

  constructor(path: string) {
    this.#path = path;
  }

  #open(): OpenLog {
    if (this.#opened !== undefined) return this.#opened;
    const opened = openQuietly(this.#path);
    if (opened.descriptor !== undefined) closer.register(this, opened.descriptor);
    this.#isTorn = opened.end < opened.byteLength;
    this.#byteLength = opened.end;
    for (const [key, { start, end }] of opened.places) this.#count(key, end - start);
    this.#opened = opened;
    return opened;
  }

  #count(key: string, byteLength: number): void {
    this.#liveBytes += HEADER_BYTES + byteLength - (this.#live.get(key) ?? 0);
    this.#live.set(key, HEADER_BYTES + byteLength);
  }

  get size(): number {
    this.#open();
    return this.#live.size;
  }

  get(key: string): Uint8Array | undefined {
    const fresh = this.#appended.get(key);
    if (fresh !== undefined) return fresh;
    const { places, read } = this.#open();
    if (!this.#live.has(key)) return undefined;
    const place = places.get(key);
    if (place === undefined) return undefined;
    const bytes = read(place.start - 32, 32 + place.end - place.start);
    const payload = bytes.subarray(32);
    return checksum(Buffer.from(key, 'hex'), payload).equals(bytes.subarray(0, 32)) ? payload : undefined;
  }

  async append(records: readonly { readonly key: string; readonly payload: Uint8Array }[]): Promise<void> {
    if (records.length === 0) return;
    const { end } = this.#open();
    for (const { key, payload } of records) {
      this.#appended.set(key, payload);
      this.#count(key, payload.byteLength);
      this.#byteLength += HEADER_BYTES + payload.byteLength;
    }
    await derive(async () => {
      await mkdir(dirname(this.#path), { recursive: true });
      if (this.#isStale()) return this.#rewrite();
      // Behind a torn record nobody would find what is appended.
      if (this.#isTorn) await truncate(this.#path, end);
      this.#isTorn = false;
      await appendFile(this.#path, Buffer.concat(records.map(({ key, payload }) => encodeRecord(key, payload))));
    });
  }

  #isStale(): boolean {
    return this.#byteLength > LEAST_TO_COMPACT && this.#byteLength > 2 * this.#liveBytes;
  }

  async retain(keys: Iterable<string>): Promise<void> {
    this.#open();
    const kept = new Set(keys);
    for (const [key, byteLength] of this.#live) {
      if (kept.has(key)) continue;
      this.#live.delete(key);
      this.#appended.delete(key);
      this.#liveBytes -= byteLength;
    }
    await derive(() => this.#rewrite());
  }

  /** Writes the file anew with what is still valid. A record that another process appends meanwhile is lost: it can be derived again. */
  async #rewrite(): Promise<void> {
    const kept: Buffer[] = [];
    for (const key of this.#live.keys()) {
      const payload = this.get(key);
      if (payload !== undefined) kept.push(encodeRecord(key, payload));
    }
    await writeFileAtomic(this.#path, Buffer.concat(kept));
    this.#isTorn = false;
    this.#byteLength = this.#liveBytes;
  }
}

/** True for a log of whole records and nothing else, of which each matches its checksum. */
export function isLogWhole(bytes: Buffer): boolean {
  let at = 0;
  while (at + HEADER_BYTES <= bytes.byteLength) {
    const start = at + HEADER_BYTES;
    const end = start + bytes.readUInt32LE(at);
    if (end > bytes.byteLength) return false;
    const key = bytes.subarray(start - 64, start - 32);
    if (!checksum(key, bytes.subarray(start, end)).equals(bytes.subarray(start - 32, start))) return false;
    at = end;
  }
  return at === bytes.byteLength;
}

/** Opens the log at `path`; one that is missing or unreadable is empty. Keys are 64 hex digits. */
export function openDerivedLog(path: string): DerivedLog {
  return new FileLog(path);
}
