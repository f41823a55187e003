import { createHash } from 'node:crypto';
import { CHUNK_BYTES } from './source.ts';

const KIB = 1024;
/** No chunk but the last is shorter. */
export const MIN_CUT_BYTES = 64 * KIB;
/** The mean over random bytes. */
export const AVERAGE_CUT_BYTES = 256 * KIB;
/** No chunk is longer. */
export const MAX_CUT_BYTES = 1024 * KIB;

/** A 32-bit gear hash forgets a byte after 32 shifts. */
const WINDOW_BYTES = 32;
/** A position is a cut with probability 1 / (average - minimum): the distance past the minimum is geometric. */
const CUT_BELOW = Math.floor(2 ** 32 / (AVERAGE_CUT_BYTES - MIN_CUT_BYTES));

/** One number a byte value, the same on every machine and for ever: where files are cut is part of the format. */
const GEAR = Uint32Array.from({ length: 256 }, (_, byte) =>
  createHash('sha256').update(`wsvc gear ${byte}`).digest().readUInt32LE(0),
);

/** Length of the first chunk of `bytes[start, end)`; needs MAX_CUT_BYTES of it unless the input ends there. */
function findCut(bytes: Uint8Array, start: number, end: number): number {
  const limit = Math.min(end, start + MAX_CUT_BYTES);
  let hash = 0;
  for (let at = start + MIN_CUT_BYTES - WINDOW_BYTES; at < limit; at += 1) {
    hash = ((hash << 1) + (GEAR[bytes[at] ?? 0] ?? 0)) >>> 0;
    if (hash < CUT_BELOW && at - start >= MIN_CUT_BYTES - 1) return at + 1 - start;
  }
  return limit - start;
}

/** The cutter's window on the stream: `bytes[start, end)` is what is not yet cut. */
interface Pending {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
}

function* cutWhile(pending: Pending, minimum: number): Iterable<Uint8Array> {
  while (pending.end - pending.start >= minimum) {
    const byteLength = findCut(pending.bytes, pending.start, pending.end);
    yield pending.bytes.slice(pending.start, pending.start + byteLength);
    pending.start += byteLength;
  }
}

/** Takes as much of the piece as there is room for; returns how much. After cutting, less than MAX_CUT_BYTES is left to shift. */
function fill(pending: Pending, piece: Uint8Array): number {
  if (pending.end === pending.bytes.byteLength) {
    pending.bytes.copyWithin(0, pending.start, pending.end);
    pending.end -= pending.start;
    pending.start = 0;
  }
  const part = piece.subarray(0, pending.bytes.byteLength - pending.end);
  pending.bytes.set(part, pending.end);
  pending.end += part.byteLength;
  return part.byteLength;
}

/**
 * Cuts a stream into chunks at places that its content determines, so that equal stretches of two files give equal chunks.
 * Where the stream's pieces begin and end does not matter. Chunks are copies; their concatenation is the stream.
 *
 * Gear hash with a minimum and a maximum: Xia et al., "FastCDC", USENIX ATC 2016 (without its normalisation).
 */
export async function* cutByContent(stream: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const pending: Pending = { bytes: new Uint8Array(CHUNK_BYTES + MAX_CUT_BYTES), start: 0, end: 0 };
  for await (const piece of stream) {
    for (let taken = 0; taken < piece.byteLength; ) {
      taken += fill(pending, piece.subarray(taken));
      yield* cutWhile(pending, MAX_CUT_BYTES);
    }
  }
  yield* cutWhile(pending, 1);
}
