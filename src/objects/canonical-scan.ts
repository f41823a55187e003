import { CorruptError } from '../errors.ts';

/** Bytes that a value's first byte says follow it: a fixed part, and a length field that counts bytes or values. */
interface Layout {
  readonly fixed: number;
  /** Width of the length field, in bytes. */
  readonly lengthWidth?: 1 | 2 | 4;
  /** What the length counts: bytes, values of an array, pairs of a map. */
  readonly counts?: 'bytes' | 'values' | 'pairs';
}

const LAYOUTS: ReadonlyMap<number, Layout> = new Map<number, Layout>([
  [0xc0, { fixed: 0 }],
  [0xc2, { fixed: 0 }],
  [0xc3, { fixed: 0 }],
  [0xc4, { fixed: 0, lengthWidth: 1, counts: 'bytes' }],
  [0xc5, { fixed: 0, lengthWidth: 2, counts: 'bytes' }],
  [0xc6, { fixed: 0, lengthWidth: 4, counts: 'bytes' }],
  [0xcb, { fixed: 8 }],
  [0xcc, { fixed: 1 }],
  [0xcd, { fixed: 2 }],
  [0xce, { fixed: 4 }],
  [0xd0, { fixed: 1 }],
  [0xd1, { fixed: 2 }],
  [0xd2, { fixed: 4 }],
  [0xd3, { fixed: 8 }],
  [0xd9, { fixed: 0, lengthWidth: 1, counts: 'bytes' }],
  [0xda, { fixed: 0, lengthWidth: 2, counts: 'bytes' }],
  [0xdb, { fixed: 0, lengthWidth: 4, counts: 'bytes' }],
  [0xdc, { fixed: 0, lengthWidth: 2, counts: 'values' }],
  [0xdd, { fixed: 0, lengthWidth: 4, counts: 'values' }],
  [0xde, { fixed: 0, lengthWidth: 2, counts: 'pairs' }],
  [0xdf, { fixed: 0, lengthWidth: 4, counts: 'pairs' }],
]);

function readLength(bytes: Uint8Array, position: number, width: number): number {
  let length = 0;
  for (let i = 0; i < width; i++) length = length * 256 + (bytes[position + i] ?? 0);
  return length;
}

function scanMany(bytes: Uint8Array, position: number, count: number, depth: number): number {
  // A value takes a byte at least: a count beyond the rest is a lie, told before memory is reserved for it.
  if (count > bytes.byteLength - position) throw new CorruptError('a msgpack object ends early');
  let at = position;
  for (let i = 0; i < count; i++) at = scanValue(bytes, at, depth - 1);
  return at;
}

function scanLayout(bytes: Uint8Array, position: number, layout: Layout, depth: number): number {
  const { fixed, lengthWidth = 0, counts } = layout;
  const length = readLength(bytes, position, lengthWidth);
  const at = position + lengthWidth;
  if (counts === 'values') return scanMany(bytes, at, length, depth);
  if (counts === 'pairs') return scanMany(bytes, at, 2 * length, depth);
  return at + fixed + length;
}

function scanTyped(bytes: Uint8Array, position: number, depth: number): number {
  const first = bytes[position] ?? 0;
  if (first < 0x80 || first >= 0xe0) return position + 1;
  if (first < 0x90) return scanMany(bytes, position + 1, 2 * (first & 0x0f), depth);
  if (first < 0xa0) return scanMany(bytes, position + 1, first & 0x0f, depth);
  if (first < 0xc0) return position + 1 + (first & 0x1f);
  const layout = LAYOUTS.get(first);
  if (layout === undefined) throw new CorruptError(`msgpack type 0x${first.toString(16)} is not allowed`);
  return scanLayout(bytes, position + 1, layout, depth);
}

/**
 * Walks over one msgpack value without making it: every length fits, nothing is nested too deep, only types that
 * canonical msgpack has occur. Returns the position after it.
 *
 * @throws CorruptError
 */
export function scanValue(bytes: Uint8Array, position: number, depth: number): number {
  if (depth < 0) throw new CorruptError('a msgpack object is nested too deep');
  if (position >= bytes.byteLength) throw new CorruptError('a msgpack object ends early');
  const end = scanTyped(bytes, position, depth);
  if (end > bytes.byteLength) throw new CorruptError('a msgpack object ends early');
  return end;
}
