import { closeSync } from 'node:fs';
import { appendFile, mkdir, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sha256Latin1 } from '../bytes/sha256.ts';
import { WsvcError } from '../errors.ts';
import { writeFileAtomic } from '../store/atomic-file.ts';
import { HEADER_BYTES, type OpenLog, openQuietly } from './open-log.ts';

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

/** Closes the files of logs that nobody holds any longer. */
const closer = new FinalizationRegistry((descriptor: number) => closeSync(descriptor));

/** Of the key as well: a record under another's key would answer for it. */
function checksum(key: Uint8Array, payload: Uint8Array): string {
  return sha256Latin1(Buffer.concat([key, payload]));
}

function encodeRecord(key: string, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(payload.byteLength);
  const name = Buffer.from(key, 'hex');
  return Buffer.concat([header, name, Buffer.from(checksum(name, payload), 'latin1'), payload]);
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
  #live: Map<string, number> | undefined;
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
    this.#opened = opened;
    return opened;
  }

  /** Counted when something is written: whoever only reads has no use for it. */
  #counted(): Map<string, number> {
    if (this.#live !== undefined) return this.#live;
    this.#live = new Map();
    for (const [key, { start, end }] of this.#open().places) this.#count(this.#live, key, end - start);
    return this.#live;
  }

  #count(live: Map<string, number>, key: string, byteLength: number): void {
    this.#liveBytes += HEADER_BYTES + byteLength - (live.get(key) ?? 0);
    live.set(key, HEADER_BYTES + byteLength);
  }

  get size(): number {
    return this.#counted().size;
  }

  get(key: string): Uint8Array | undefined {
    const fresh = this.#appended.get(key);
    if (fresh !== undefined) return fresh;
    const { places, read } = this.#open();
    if (this.#live?.has(key) === false) return undefined;
    const place = places.get(key);
    if (place === undefined) return undefined;
    const bytes = read(place.start - 32, 32 + place.end - place.start);
    const payload = bytes.subarray(32);
    return checksum(Buffer.from(key, 'hex'), payload) === bytes.toString('latin1', 0, 32) ? payload : undefined;
  }

  async append(records: readonly { readonly key: string; readonly payload: Uint8Array }[]): Promise<void> {
    if (records.length === 0) return;
    const { end } = this.#open();
    const live = this.#counted();
    for (const { key, payload } of records) {
      this.#appended.set(key, payload);
      this.#count(live, key, payload.byteLength);
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
    const live = this.#counted();
    const kept = new Set(keys);
    for (const [key, byteLength] of live) {
      if (kept.has(key)) continue;
      live.delete(key);
      this.#appended.delete(key);
      this.#liveBytes -= byteLength;
    }
    await derive(() => this.#rewrite());
  }

  /** Writes the file anew with what is still valid. A record that another process appends meanwhile is lost: it can be derived again. */
  async #rewrite(): Promise<void> {
    const kept: Buffer[] = [];
    for (const key of this.#counted().keys()) {
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
    if (checksum(key, bytes.subarray(start, end)) !== bytes.toString('latin1', start - 32, start)) return false;
    at = end;
  }
  return at === bytes.byteLength;
}

/** Opens the log at `path`; one that is missing or unreadable is empty. Keys are 64 hex digits. */
export function openDerivedLog(path: string): DerivedLog {
  return new FileLog(path);
}
