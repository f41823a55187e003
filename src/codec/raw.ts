import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { CorruptError } from '../errors.ts';

/** How many bytes are deflated on trial before a whole block is. */
const TRIAL_BYTES = 65536;
/** A trial that saves less than this share is not worth the time of inflating. */
const WORTHWHILE_RATIO = 0.97;
/** Level 1 reaches within a few percent of level 6 on text and pickles, at several times its speed. */
const DEFLATE_OPTIONS = { level: 6, strategy: constants.Z_DEFAULT_STRATEGY } as const;

/** Deflates the bytes (RFC 1951); `undefined` when that saves next to nothing. */
export function encodeDeflate(plain: Uint8Array): Uint8Array | undefined {
  const middle = Math.max(0, (plain.length - TRIAL_BYTES) >> 1);
  const trial = plain.subarray(middle, middle + TRIAL_BYTES);
  if (deflateRawSync(trial, { level: 1 }).length > trial.length * WORTHWHILE_RATIO) return undefined;
  const packed = deflateRawSync(plain, DEFLATE_OPTIONS);
  return packed.length < plain.length ? packed : undefined;
}

/** Inflates a payload to exactly `byteLength` bytes; what is longer stops at that length. */
export function decodeDeflate(payload: Uint8Array, byteLength: number): Uint8Array {
  try {
    const plain = inflateRawSync(payload, { maxOutputLength: Math.max(1, byteLength) });
    if (plain.length === byteLength) return plain;
  } catch (cause) {
    throw new CorruptError('a deflated block does not inflate', { cause });
  }
  throw new CorruptError('a deflated block has another length than its blob');
}

/** Returns the payload itself, when it has the block's length. */
export function decodeRaw(payload: Uint8Array, byteLength: number): Uint8Array {
  if (payload.length !== byteLength) throw new CorruptError('a raw block has another length than its blob');
  return payload.slice();
}
