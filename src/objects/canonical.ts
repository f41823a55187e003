import { Packr } from 'msgpackr/pack';
import { CorruptError, WsvcError } from '../errors.ts';
import { scanValue } from './canonical-scan.ts';

/**
 * What canonical msgpack can hold (docs/format.md, section "Canonical msgpack"). Every value has exactly one encoding. A number that is a
 * safe integer (and not -0) is an integer; every other number is a float64.
 */
export type CanonicalValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly CanonicalValue[]
  | { readonly [key: string]: CanonicalValue };

/** Arrays and maps inside one another: ours need 5; the limit keeps hostile bytes from exhausting the stack. */
export const MAX_DEPTH = 32;

const packr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: false, int64AsType: 'number' });

/** Orders strings by their UTF-8 bytes; the order of UTF-16 units differs where surrogates meet U+E000 to U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rankUnit(x) - rankUnit(y);
  }
  return a.length - b.length;
}

const rankUnit = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800);

function refuse(what: string): never {
  throw new WsvcError('bug', `Canonical msgpack cannot hold ${what}.`);
}

function normalizeNumber(value: number): number | bigint {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return Number.isNaN(value) ? Number.NaN : value;
  // msgpackr writes a number beyond 32 bits as a float, and a bigint as an integer.
  return value > 0xffffffff || value < -0x80000000 ? BigInt(value) : value;
}

function normalizeString(value: string): string {
  if (/\p{Surrogate}/u.test(value)) refuse('a string with a lone surrogate');
  return value;
}

function normalizeMap(value: object, depth: number): Map<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse('an object of a class');
  if (Object.getOwnPropertySymbols(value).length > 0) refuse('a symbol as a key');
  const entries = Object.entries(value).sort(([a], [b]) => compareUtf8(a, b));
  return new Map(entries.map(([key, entry]) => [normalizeString(key), normalizeValue(entry, depth)]));
}

/** Brings a value into the one form that msgpackr encodes canonically, and refuses what has none. */
function normalizeValue(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) refuse(`more than ${MAX_DEPTH} levels`);
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return negativeZeroSafe(normalizeNumber(value));
  if (typeof value === 'string') return normalizeString(value);
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return Array.from(value, (entry: unknown) => normalizeValue(entry, depth + 1));
  if (typeof value === 'object' && !ArrayBuffer.isView(value)) return normalizeMap(value, depth + 1);
  return refuse(typeof value);
}

/** msgpackr writes -0 as the integer 0. */
function negativeZeroSafe(value: number | bigint): number | bigint {
  return Object.is(value, -0) ? refuse('-0') : value;
}

/**
 * Encodes a value as canonical msgpack: equal values give equal bytes.
 *
 * @throws WsvcError `bug` for what has no canonical form: undefined, functions, bigints, -0, lone surrogates, classes, other typed arrays.
 */
export function encodeCanonical(value: CanonicalValue): Uint8Array {
  return new Uint8Array(packr.pack(normalizeValue(value, 0)));
}

/** The head of a binary value: its type and its length. */
function binaryHead(byteLength: number): Uint8Array {
  if (byteLength < 2 ** 8) return Uint8Array.of(0xc4, byteLength);
  if (byteLength < 2 ** 16) return Uint8Array.of(0xc5, byteLength >>> 8, byteLength & 0xff);
  return Uint8Array.of(
    0xc6,
    byteLength >>> 24,
    (byteLength >>> 16) & 0xff,
    (byteLength >>> 8) & 0xff,
    byteLength & 0xff,
  );
}

const NOTHING = new Uint8Array(0);

/** What stands before the bytes of an array's last entry. */
function headWithBytes(head: readonly CanonicalValue[], byteLength: number): Uint8Array {
  const encoded = encodeCanonical([...head, NOTHING]);
  const end = encoded.byteLength - binaryHead(0).byteLength;
  return new Uint8Array(Buffer.concat([encoded.subarray(0, end), binaryHead(byteLength)]));
}

/** As {@link encodeCanonical} of an array that ends in bytes, which are copied once. */
export function encodeWithBytes(head: readonly CanonicalValue[], bytes: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([headWithBytes(head, bytes.byteLength), bytes]));
}

/** Bytes above which a value at the end of an array is not encoded again to see whether it is canonical. */
const LARGE_BYTES = 1024;

/** True when a value that was decoded from the bytes, as msgpackr gave it and as it will be given, would be encoded as them. */
function encodesTo(unpacked: unknown, value: CanonicalValue, bytes: Uint8Array): boolean {
  const list: readonly CanonicalValue[] = Array.isArray(value) ? value : [];
  const last = list.at(-1);
  if (!(last instanceof Uint8Array) || last.byteLength < LARGE_BYTES) {
    const packable = typeof unpacked === 'object' ? unpacked : normalizeValue(unpacked, 0);
    return isInOrder(packable) && isSame(packr.pack(packable), bytes);
  }
  // Where the head is the same, so is the rest: it is what the last entry was read from.
  const head = headWithBytes(list.slice(0, -1), last.byteLength);
  return bytes.byteLength === head.byteLength + last.byteLength && isSame(head, bytes.subarray(0, head.byteLength));
}

/**
 * Makes of what was unpacked what {@link normalizeValue} would make of its plain form, in place; false where a key is no string, or does not come behind
 * the one before it: no such map is canonical.
 */
function isInOrder(value: unknown): boolean {
  if (value instanceof Map) return isMapInOrder(value);
  if (!Array.isArray(value)) return true;
  for (let i = 0; i < value.length; i++) {
    const entry: unknown = value[i];
    if (typeof entry === 'object') {
      if (!isInOrder(entry)) return false;
    } else value[i] = normalizeValue(entry, 0);
  }
  return true;
}

function isMapInOrder(map: Map<unknown, unknown>): boolean {
  let before: string | undefined;
  for (const [key, entry] of map) {
    if (typeof key !== 'string' || (before !== undefined && compareUtf8(before, key) >= 0)) return false;
    before = normalizeString(key);
    if (typeof entry === 'object') {
      if (!isInOrder(entry)) return false;
    } else {
      const normal = normalizeValue(entry, 0);
      if (normal !== entry) map.set(key, normal);
    }
  }
  return true;
}

function toPlain(value: unknown): CanonicalValue {
  if (value instanceof Map) return mapToObject(value);
  if (Array.isArray(value)) return value.map(toPlain);
  // What the scan has let through is one of the scalar types.
  return value as CanonicalValue;
}

/** Without a prototype, so that keys like `__proto__` and `constructor` are keys like any other. */
function mapToObject(map: Map<unknown, unknown>): CanonicalValue {
  const object: Record<string, CanonicalValue> = Object.create(null);
  for (const [key, entry] of map) object[String(key)] = toPlain(entry);
  return object;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && Buffer.compare(a, b) === 0;
}

/**
 * Decodes canonical msgpack. Binary values are views into `bytes`; maps are objects without a prototype.
 *
 * @throws CorruptError when the bytes are not exactly what {@link encodeCanonical} writes for the value they stand for.
 */
export function decodeCanonical(bytes: Uint8Array): CanonicalValue {
  scanWhole(bytes);
  try {
    // msgpackr answers a Buffer with Buffers, a Uint8Array with Uint8Arrays.
    const unpacked: unknown = packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const value = toPlain(unpacked);
    if (encodesTo(unpacked, value, bytes)) return value;
  } catch (cause) {
    throw new CorruptError('a msgpack object is malformed', { cause });
  }
  throw new CorruptError('a msgpack object is not in canonical form');
}

function scanWhole(bytes: Uint8Array): void {
  const end = scanValue(bytes, 0, MAX_DEPTH);
  if (end !== bytes.byteLength) throw new CorruptError('bytes follow a msgpack object');
}
