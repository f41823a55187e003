import { crc32 } from 'node:zlib';
import { fromHex, toHex } from '../bytes/hex.ts';
import type { BlockType } from '../codec/codec.ts';
import { CorruptError, WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';

/*
 * docs/format.md, section "Pack":  header | record* | index row* | trailer. All integers are little-endian.
 */

/** The version of pack files that this wsvc writes, and the only one it reads. */
const PACK_VERSION = 1;
export const HEADER_BYTES = 12;
export const ROW_BYTES = 56;
export const TRAILER_BYTES = 64;
const ID_BYTES = 32;
const MAGIC = new TextEncoder().encode('WSVCPACK');
const MAX_U32 = 0xffffffff;

/** Block types by the number that stands for them in index rows (docs/format.md, table "Block types"). */
const TYPE_NUMBERS = {
  bytes: 0,
  f64: 1,
  f32: 2,
  f16: 3,
  bf16: 4,
  f8_e4m3: 5,
  f8_e5m2: 6,
  i64: 7,
  i32: 8,
  i16: 9,
  i8: 10,
  u64: 11,
  u32: 12,
  u16: 13,
  u8: 14,
  bool: 15,
  c64: 16,
  c128: 17,
} as const satisfies Record<BlockType, number>;

const TYPES: ReadonlyMap<number, BlockType> = new Map(
  Object.entries(TYPE_NUMBERS).map(([type, number]) => [number, type as BlockType]),
);

export const blockTypeNumber = (type: BlockType): number => TYPE_NUMBERS[type];

/** @throws WsvcError `format-version` for a number that a newer wsvc has given. */
export function blockTypeOf(number: number): BlockType {
  return TYPES.get(number) ?? rejectNewer(`block type ${number}`);
}

function rejectNewer(what: string): never {
  throw new WsvcError('format-version', `This version of wsvc does not know ${what} of the store.`, {
    suggestions: ['Install a newer wsvc: the repository was written by one.'],
  });
}

/** What a pack's index says of one blob. */
export interface PackRow {
  readonly id: BlobId;
  /** Of the record, from the start of the pack. */
  readonly offset: number;
  readonly recordByteLength: number;
  /** Of the plain content. */
  readonly byteLength: number;
  /** Stored bytes that must be decoded to restore it: its record and those of all its ancestors. */
  readonly restoreByteLength: number;
  readonly codec: number;
  readonly type: BlockType;
  /** Longest chain of bases below it; 0 when it stands alone. */
  readonly depth: number;
  /** Blobs that decoding needs: 0 to 2. */
  readonly ancestors: number;
}

/** The end of a pack. */
export interface PackTrailer {
  readonly indexOffset: number;
  readonly count: number;
  /** CRC-32 of the index, so that it may be used without reading the whole pack. */
  readonly indexCrc: number;
  /** SHA-256 of all before it; the pack's name. */
  readonly sha256: string;
}

export function encodeHeader(): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint32(8, PACK_VERSION, true);
  return bytes;
}

/** @throws CorruptError when it is no pack; WsvcError `format-version` when it is a newer one. */
export function checkHeader(bytes: Uint8Array): void {
  checkMagic(bytes, 0, 'header');
  checkVersion(viewOf(bytes).getUint32(8, true));
}

function checkMagic(bytes: Uint8Array, offset: number, where: string): void {
  const found = bytes.subarray(offset, offset + MAGIC.byteLength);
  if (Buffer.compare(found, MAGIC) !== 0) throw new CorruptError(`a pack has no ${where}`);
}

function checkVersion(version: number): void {
  if (version !== PACK_VERSION) rejectNewer(`version ${version} of packs`);
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function encodeRow(view: DataView, at: number, row: PackRow): void {
  new Uint8Array(view.buffer, view.byteOffset + at, ID_BYTES).set(fromHex(row.id));
  view.setBigUint64(at + 32, BigInt(row.offset), true);
  view.setUint32(at + 40, row.recordByteLength, true);
  view.setUint32(at + 44, row.byteLength, true);
  view.setUint32(at + 48, Math.min(row.restoreByteLength, MAX_U32), true);
  view.setUint8(at + 52, row.codec);
  view.setUint8(at + 53, blockTypeNumber(row.type));
  view.setUint8(at + 54, row.depth);
  view.setUint8(at + 55, row.ancestors);
}

/** Encodes the rows of a pack's index; they must be sorted by id. */
export function encodeIndex(rows: readonly PackRow[]): Uint8Array {
  const bytes = new Uint8Array(rows.length * ROW_BYTES);
  const view = viewOf(bytes);
  rows.forEach((row, i) => {
    encodeRow(view, i * ROW_BYTES, row);
  });
  return bytes;
}

/** Encodes the trailer without its hash, which covers these bytes too. */
export function encodeTrailer(indexOffset: number, rows: number, index: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(TRAILER_BYTES - ID_BYTES);
  const view = viewOf(bytes);
  view.setBigUint64(0, BigInt(indexOffset), true);
  view.setUint32(8, rows, true);
  view.setUint32(12, crc32(index), true);
  view.setUint32(16, 0, true);
  view.setUint32(20, PACK_VERSION, true);
  bytes.set(MAGIC, 24);
  return bytes;
}

/**
 * Decodes the last {@link TRAILER_BYTES} of a pack and checks them against its length.
 *
 * @throws CorruptError for a truncated or damaged pack; WsvcError `format-version` for a newer one.
 */
export function decodeTrailer(bytes: Uint8Array, packByteLength: number): PackTrailer {
  if (bytes.byteLength !== TRAILER_BYTES) throw new CorruptError('a pack is too short');
  checkMagic(bytes, 24, 'trailer');
  const view = viewOf(bytes);
  checkVersion(view.getUint32(20, true));
  const indexOffset = Number(view.getBigUint64(0, true));
  const count = view.getUint32(8, true);
  if (view.getUint32(16, true) !== 0 || indexOffset + count * ROW_BYTES + TRAILER_BYTES !== packByteLength) {
    throw new CorruptError("a pack's trailer does not fit its length");
  }
  return {
    indexOffset,
    count,
    indexCrc: view.getUint32(12, true),
    sha256: toHex(bytes.subarray(TRAILER_BYTES - ID_BYTES)),
  };
}
