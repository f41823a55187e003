import { CorruptError } from '../errors.ts';
import { type CanonicalValue, compareUtf8, decodeCanonical, encodeCanonical, MAX_DEPTH } from './canonical.ts';
import { scanValue } from './canonical-scan.ts';

/** First bytes of msgpack's short arrays and maps, and the first that is neither. */
const SHORT_MAP = 0x80;
const SHORT_ARRAY = 0x90;
const SHORT_STRING = 0xa0;
const ARRAY_16 = 0xdc;
const ARRAY_32 = 0xdd;

type Fields = Readonly<Record<string, CanonicalValue>>;

/** What stands before the entries of an array. */
function arrayHead(count: number): Uint8Array {
  if (count < 16) return Uint8Array.of(SHORT_ARRAY | count);
  if (count < 2 ** 16) return Uint8Array.of(ARRAY_16, count >>> 8, count & 0xff);
  return Uint8Array.of(ARRAY_32, count >>> 24, (count >>> 16) & 0xff, (count >>> 8) & 0xff, count & 0xff);
}

/** Bytes that a long list is collected in before they are joined. */
const PAGE_BYTES = 1 << 20;

/** Joins many small pieces. */
class Pages {
  readonly #full: Uint8Array[] = [];
  #page = new Uint8Array(PAGE_BYTES);
  #used = 0;

  add(piece: Uint8Array): void {
    if (this.#used + piece.byteLength > this.#page.byteLength) {
      this.#full.push(this.#page.subarray(0, this.#used));
      this.#page = new Uint8Array(Math.max(PAGE_BYTES, piece.byteLength));
      this.#used = 0;
    }
    this.#page.set(piece, this.#used);
    this.#used += piece.byteLength;
  }

  join(): Uint8Array {
    const pages = [...this.#full, this.#page.subarray(0, this.#used)];
    const joined = new Uint8Array(pages.reduce((sum, { byteLength }) => sum + byteLength, 0));
    let at = 0;
    for (const page of pages) {
      joined.set(page, at);
      at += page.byteLength;
    }
    return joined;
  }
}

/**
 * As `encodeCanonical` of a map with fewer than 16 fields, one of which is a list: its entries are made and encoded one after the other, so that
 * a list of a hundred thousand is never there as values.
 */
export function encodeWithList<T>(
  fields: Fields,
  key: string,
  list: readonly T[],
  toValue: (entry: T) => CanonicalValue,
): Uint8Array {
  const keys = [...Object.keys(fields), key].sort(compareUtf8);
  const pages = new Pages();
  pages.add(Uint8Array.of(SHORT_MAP | keys.length));
  for (const name of keys) {
    pages.add(encodeCanonical(name));
    if (name !== key) {
      pages.add(encodeCanonical(fields[name] ?? null));
      continue;
    }
    pages.add(arrayHead(list.length));
    for (const entry of list) pages.add(encodeCanonical(toValue(entry)));
  }
  return pages.join();
}

/** Where a value of a map stands. */
interface Place {
  readonly start: number;
  readonly end: number;
}

/** The place of the value of a key in a map of fewer than 16 fields; undefined where it is not there, or the bytes are no such map. */
function findValue(bytes: Uint8Array, key: string): Place | undefined {
  const first = bytes[0] ?? 0;
  if (first < SHORT_MAP || first >= SHORT_ARRAY) return undefined;
  const encoded = Buffer.from(encodeCanonical(key));
  let at = 1;
  for (let field = 0; field < (first & 0x0f); field++) {
    const start = scanValue(bytes, at, MAX_DEPTH);
    const end = scanValue(bytes, start, MAX_DEPTH - 1);
    if (encoded.equals(bytes.subarray(at, start))) return { start, end };
    at = end;
  }
  return undefined;
}

/** How many entries an array has whose head is written in the one way; undefined for anything else. */
function readArrayHead(
  bytes: Uint8Array,
  { start }: Place,
): { readonly count: number; readonly at: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = bytes[start] ?? 0;
  const isShort = first >= SHORT_ARRAY && first < SHORT_STRING;
  const count = isShort
    ? first & 0x0f
    : first === ARRAY_16
      ? view.getUint16(start + 1)
      : first === ARRAY_32
        ? view.getUint32(start + 1)
        : undefined;
  if (count === undefined) return undefined;
  const head = arrayHead(count);
  const isCanonical = Buffer.from(head).equals(bytes.subarray(start, start + head.byteLength));
  return isCanonical ? { count, at: start + head.byteLength } : undefined;
}

/**
 * As `decodeCanonical` of what {@link encodeWithList} writes: the map with an empty list, and what each entry of the list was read into, one after the
 * other. Where the field is no list, the map is given as it is, and `list` is undefined.
 *
 * @param start - looks at the map before entries are read, and gives what reads them.
 * @throws CorruptError as `decodeCanonical`; whatever `start` and what it gives throw.
 */
export function decodeWithList<T>(
  bytes: Uint8Array,
  key: string,
  start: (map: CanonicalValue) => (entry: CanonicalValue) => T,
): { readonly map: CanonicalValue; readonly list?: readonly T[] } {
  if (scanValue(bytes, 0, MAX_DEPTH) !== bytes.byteLength) throw new CorruptError('bytes follow a msgpack object');
  const place = findValue(bytes, key);
  const head = place && readArrayHead(bytes, place);
  if (place === undefined || head === undefined) return { map: decodeCanonical(bytes) };
  const rest = [bytes.subarray(0, place.start), arrayHead(0), bytes.subarray(place.end)];
  const map = decodeCanonical(new Uint8Array(Buffer.concat(rest)));
  const read = start(map);
  const list: T[] = [];
  let at = head.at;
  for (let i = 0; i < head.count; i++) {
    // Entries are two levels deep in the whole.
    const end = scanValue(bytes, at, MAX_DEPTH - 2);
    list.push(read(decodeCanonical(bytes.subarray(at, end))));
    at = end;
  }
  return { map, list };
}
