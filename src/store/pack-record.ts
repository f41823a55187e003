import { crc32 } from 'node:zlib';
import { fromHex, toHex } from '../bytes/hex.ts';
import type { BlockType } from '../codec/codec.ts';
import { CorruptError } from '../errors.ts';
import { type CanonicalValue, decodeCanonical, encodeCanonical } from '../objects/canonical.ts';
import { type BlobId, parseBlobId } from '../objects/ids.ts';
import { blockTypeNumber, blockTypeOf } from './pack-format.ts';

/** The stored form of one blob (docs/format.md, section "Record"). */
export interface PackRecord {
  readonly codec: number;
  readonly type: BlockType;
  /** Of the plain content. */
  readonly byteLength: number;
  /** The base and, where the codec needs it, the base's base: named here, for a base may be coded anew later. */
  readonly bases: readonly BlobId[];
  /** Of the bases; present exactly when there are any. */
  readonly baseType?: BlockType;
  readonly payload: Uint8Array;
}

/** Encodes a record: canonical msgpack `[codec, type, byteLength, baseType, [base...], crc32 of payload, payload]`. */
export function encodeRecord(record: PackRecord): Uint8Array {
  return encodeCanonical([
    record.codec,
    blockTypeNumber(record.type),
    record.byteLength,
    record.baseType === undefined ? null : blockTypeNumber(record.baseType),
    record.bases.map(fromHex),
    crc32(record.payload),
    record.payload,
  ]);
}

function broken(): never {
  throw new CorruptError("a blob's record is malformed");
}

const readCount = (value: CanonicalValue | undefined): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : broken();

function readBases(value: CanonicalValue | undefined): readonly BlobId[] {
  if (!Array.isArray(value) || value.length > 2) return broken();
  return value.map((base: unknown) => (base instanceof Uint8Array ? parseBlobId(toHex(base)) : broken()));
}

function readPayload(payload: CanonicalValue | undefined, sum: CanonicalValue | undefined): Uint8Array {
  if (!(payload instanceof Uint8Array)) return broken();
  if (crc32(payload) !== sum) throw new CorruptError('stored bytes of a blob do not match their checksum');
  return payload;
}

/**
 * Decodes a record and checks its payload's checksum. The payload is a view into `bytes`.
 *
 * @throws CorruptError
 */
export function decodeRecord(bytes: Uint8Array): PackRecord {
  const value = decodeCanonical(bytes);
  if (!Array.isArray(value) || value.length !== 7) return broken();
  const [codec, type, byteLength, baseType, bases, sum, payload] = value;
  const ids = readBases(bases);
  if (ids.length > 0 !== (baseType !== null)) broken();
  return {
    codec: readCount(codec),
    type: blockTypeOf(readCount(type)),
    byteLength: readCount(byteLength),
    bases: ids,
    ...(baseType === null ? {} : { baseType: blockTypeOf(readCount(baseType)) }),
    payload: readPayload(payload, sum),
  };
}
