import { copyBytes, joinBytes } from './collect.ts';
import { CHUNK_BYTES } from './source.ts';

function* cutToChunks(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

/**
 * Moves the cuts of a stream so that every piece holds whole units of `unitByteLength` bytes, and at most CHUNK_BYTES.
 * The last piece is what is left, whole or not.
 *
 * @param unitByteLength a divisor of CHUNK_BYTES
 */
export async function* wholeUnits(
  stream: AsyncIterable<Uint8Array>,
  unitByteLength: number,
): AsyncIterable<Uint8Array> {
  let rest = new Uint8Array(0);
  for await (const piece of stream) {
    const bytes = rest.byteLength === 0 ? piece : joinBytes([rest, piece]);
    const whole = bytes.byteLength - (bytes.byteLength % unitByteLength);
    yield* cutToChunks(bytes.subarray(0, whole));
    rest = copyBytes(bytes.subarray(whole));
  }
  if (rest.byteLength > 0) yield rest;
}
