import { crc32 } from 'node:zlib';
import { fromHex, toHex } from '../bytes/hex.ts';
import type { BlockType } from '../codec/codec.ts';
import { CorruptError } from '../errors.ts';
import { type CanonicalValue, decodeCanonical, encodeCanonical, encodeWithBytes } from '../objects/canonical.ts';
import { type BlobId, parseBlobId } from '../objects/ids.ts';
import { blockTypeNumber, blockTypeOf } from './pack-format.ts';

/** Blobs that one may be coded against at once: the parts of a tensor in another order. */
export const MAX_BASES = 15;

/** The stored form of one blob (docs/format.md, section "Record"). */
export interface PackRecord {
  readonly codec: number;
  readonly type: BlockType;
  /** Of the plain content. */
  readonly byteLength: number;
  /** The base and, where the codec needs it, the base's base, or the parts that the base is gathered from: named here, for a base may be coded anew later. */
  readonly bases: readonly BlobId[];
  /** Of the bases; present exactly when there are any. */
  readonly baseType?: BlockType;
  readonly payload: Uint8Array;
}

/** The fields before the checksum, which covers them and the payload. */
function headOf(record: Omit<PackRecord, 'payload'>): CanonicalValue[] {
  const baseType = record.baseType === undefined ? null : blockTypeNumber(record.baseType);
  return [record.codec, blockTypeNumber(record.type), record.byteLength, baseType, record.bases.map(fromHex)];
}

/** CRC-32 of the head as a canonical array, followed by the payload. */
const checksum = (head: readonly CanonicalValue[], payload: Uint8Array): number =>
  crc32(payload, crc32(encodeCanonical(head)));

/** Encodes a record: canonical msgpack `[codec, type, byteLength, baseType, [base...], checksum, payload]`. */
export function encodeRecord(record: PackRecord): Uint8Array {
  const head = headOf(record);
  return encodeWithBytes([...head, checksum(head, record.payload)], record.payload);
}

function broken(): never {
  throw new CorruptError("a blob's record is malformed");
}

const readCount = (value: CanonicalValue | undefined): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : broken();

function readBases(value: CanonicalValue | undefined): readonly BlobId[] {
  if (!Array.isArray(value) || value.length > MAX_BASES) return broken();
  return value.map((base: unknown) => (base instanceof Uint8Array ? parseBlobId(toHex(base)) : broken()));
}

function checkPayload(head: readonly CanonicalValue[], sum: CanonicalValue | undefined, payload: unknown): Uint8Array {
  if (!(payload instanceof Uint8Array)) return broken();
  if (checksum(head, payload) !== sum) throw new CorruptError('stored bytes of a blob do not match their checksum');
  return payload;
}

/**
 * Decodes a record and checks its checksum. The payload is a view into `bytes`.
 *
 * @throws CorruptError
 */
export function decodeRecord(bytes: Uint8Array): PackRecord {
  const value = decodeCanonical(bytes);
  if (!Array.isArray(value) || value.length !== 7) return broken();
  const [codec, type, byteLength, baseType, bases, sum, stored] = value;
  const payload = checkPayload(value.slice(0, 5), sum, stored);
  const ids = readBases(bases);
  if (ids.length > 0 !== (baseType !== null)) broken();
  return {
    codec: readCount(codec),
    type: blockTypeOf(readCount(type)),
    byteLength: readCount(byteLength),
    bases: ids,
    ...(baseType === null ? {} : { baseType: blockTypeOf(readCount(baseType)) }),
    payload,
  };
}
