import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { CorruptError } from '../errors.ts';

/** How many bytes are deflated on trial. */
const TRIAL_BYTES = 16384;

/** Ratio that deflating reaches, from the middle of the bytes. */
export function estimateDeflate(plain: Uint8Array): number {
  const start = Math.max(0, (plain.length - TRIAL_BYTES) >> 1);
  const trial = plain.subarray(start, start + TRIAL_BYTES);
  return deflateRawSync(trial, { level: 1 }).length / trial.length;
}

/** Deflates the bytes (RFC 1951). */
export function encodeDeflate(plain: Uint8Array): Uint8Array {
  return new Uint8Array(deflateRawSync(plain, { level: 6 }));
}

/** Inflates a payload to exactly `byteLength` bytes; what is longer stops at that length. */
export function decodeDeflate(payload: Uint8Array, byteLength: number): Uint8Array {
  try {
    const plain = inflateRawSync(payload, { maxOutputLength: Math.max(1, byteLength) });
    if (plain.length === byteLength) return new Uint8Array(plain);
  } catch (cause) {
    throw new CorruptError('a deflated block does not inflate', { cause });
  }
  throw new CorruptError('a deflated block has another length than its blob');
}

/** Returns the payload itself, when it has the block's length. */
export function decodeRaw(payload: Uint8Array, byteLength: number): Uint8Array {
  if (payload.length !== byteLength) throw new CorruptError('a raw block has another length than its blob');
  return new Uint8Array(payload);
}
