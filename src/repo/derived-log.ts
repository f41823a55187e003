import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WsvcError } from '../errors.ts';

/** Length, key and checksum that stand before every payload, in bytes. */
const HEADER_BYTES = 4 + 32 + 32;

/**
 * A file of derived records by 32-byte key: appended to, read whole, thrown away at any time. A record whose checksum is
 * wrong does not exist; a torn tail ends the file.
 */
export interface DerivedLog {
  get(key: string): Uint8Array | undefined;
  append(records: readonly { readonly key: string; readonly payload: Uint8Array }[]): Promise<void>;
  readonly size: number;
}

function checksum(payload: Uint8Array): Buffer {
  return createHash('sha256').update(payload).digest();
}

/** Places of the records, by key; a later record replaces an earlier one. Checksums are checked when a record is used. */
function scan(file: Buffer): {
  readonly places: ReadonlyMap<string, { readonly start: number; readonly end: number }>;
  /** Where the last whole record ends: what a write that was cut short has left lies behind it. */
  readonly end: number;
} {
  const places = new Map<string, { readonly start: number; readonly end: number }>();
  let at = 0;
  while (at + HEADER_BYTES <= file.byteLength) {
    const start = at + HEADER_BYTES;
    const end = start + file.readUInt32LE(at);
    if (end > file.byteLength) break;
    places.set(file.toString('hex', at + 4, at + 36), { start, end });
    at = end;
  }
  return { places, end: at };
}

function encodeRecord(key: string, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(payload.byteLength);
  return Buffer.concat([header, Buffer.from(key, 'hex'), checksum(payload), payload]);
}

async function readIfThere(path: string): Promise<Buffer> {
  return readFile(path).catch(() => Buffer.alloc(0));
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

/** Opens the log at `path`; one that is missing or unreadable is empty. Keys are 64 hex digits. */
export async function openDerivedLog(path: string): Promise<DerivedLog> {
  const file = await readIfThere(path);
  const { places, end } = scan(file);
  let isTorn = end < file.byteLength;
  const appended = new Map<string, Uint8Array>();
  return {
    get size() {
      return new Set([...places.keys(), ...appended.keys()]).size;
    },
    get(key) {
      const fresh = appended.get(key);
      if (fresh !== undefined) return fresh;
      const place = places.get(key);
      if (place === undefined) return undefined;
      const payload = file.subarray(place.start, place.end);
      return checksum(payload).equals(file.subarray(place.start - 32, place.start)) ? payload : undefined;
    },
    async append(records) {
      for (const { key, payload } of records) appended.set(key, payload);
      const encoded = Buffer.concat(records.map(({ key, payload }) => encodeRecord(key, payload)));
      await derive(async () => {
        await mkdir(dirname(path), { recursive: true });
        // Behind a torn record nobody would find what is appended.
        if (isTorn) await truncate(path, end);
        isTorn = false;
        await appendFile(path, encoded);
      });
    },
  };
}
