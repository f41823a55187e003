import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { notePlaces, type Place, readPlaces } from './log-places.ts';

/** Length, key and checksum that stand before every payload, in bytes. */
export const HEADER_BYTES = 4 + 32 + 32;
/** A log up to this size is read whole; of a longer one only what is asked for. */
const WHOLE_BYTES = 1 << 25;
/** The file as it was when it was first looked at; what others append or replace afterwards is not seen. */
export interface OpenLog {
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
function scan(
  read: OpenLog['read'],
  byteLength: number,
  from = 0,
): { readonly places: Map<string, Place>; readonly end: number } {
  const places = new Map<string, Place>();
  let at = from;
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

/** Records whose places are noted once that many are found behind those that are. */
const WORTH_NOTING = 256;

/** The same of a long log, beginning behind the records whose places are noted, if the last of them stands where it stood. */
function scanNoted(
  path: string,
  readHead: (at: number, byteLength: number) => Buffer,
  byteLength: number,
): Pick<OpenLog, 'places' | 'end'> {
  const { places, last } = readPlaces(path);
  const isThere = last !== undefined && last.end <= byteLength && holdsRecord(readHead, last);
  const rest = scan(readHead, byteLength, isThere ? last.end : 0);
  if (rest.places.size > WORTH_NOTING) notePlaces(path, rest.places, isThere ? 'append' : 'replace');
  if (!isThere) return rest;
  for (const [key, place] of rest.places) places.set(key, place);
  return { places, end: rest.end };
}

function holdsRecord(
  readHead: (at: number, byteLength: number) => Buffer,
  { key, start, end }: Place & { readonly key: string },
): boolean {
  const head = readHead(start - HEADER_BYTES, HEADER_BYTES);
  return head.readUInt32LE(0) === end - start && head.toString('hex', 4, 36) === key;
}

function openLog(path: string): OpenLog {
  const descriptor = openSync(path, 'r');
  const { size: byteLength } = fstatSync(descriptor);
  if (byteLength > WHOLE_BYTES) {
    const read: OpenLog['read'] = (at, length) => readAt(descriptor, at, length);
    // Thousands of heads, one after the other: in one piece of memory.
    const head = Buffer.alloc(HEADER_BYTES);
    return { read, descriptor, byteLength, ...scanNoted(path, (at) => readInto(head, descriptor, at), byteLength) };
  }
  const whole = readAt(descriptor, 0, byteLength);
  closeSync(descriptor);
  const read: OpenLog['read'] = (at, length) => whole.subarray(at, at + length);
  return { read, byteLength, ...scan(read, byteLength) };
}

/** Opens a log; one that is missing or unreadable is empty. */
export function openQuietly(path: string): OpenLog {
  try {
    return openLog(path);
  } catch {
    return EMPTY;
  }
}
