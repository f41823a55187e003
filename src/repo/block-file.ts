import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** Version, length of the payload, checksum of the payload. */
const HEAD_BYTES = 12;

/** Puts a payload of derived data into a block that tells its version and is checked when it is read. */
export function encodeBlock(version: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(version, 0);
  head.writeUInt32LE(payload.byteLength, 4);
  head.writeUInt32LE(crc32(payload), 8);
  return Buffer.concat([head, payload]);
}

/** The payloads of all whole blocks, and where the last of them ends: behind a damaged one, or one of another version, there is nothing. */
export function readBlocks(
  version: number,
  bytes: Buffer,
): { readonly payloads: readonly Buffer[]; readonly end: number } {
  const payloads: Buffer[] = [];
  let at = 0;
  while (at + HEAD_BYTES <= bytes.byteLength) {
    const byteLength = bytes.readUInt32LE(at + 4);
    const payload = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + byteLength);
    // What a damaged length adds behind the end of the file would not be missed by the checksum.
    if (
      payload.byteLength < byteLength ||
      bytes.readUInt32LE(at) !== version ||
      crc32(payload) !== bytes.readUInt32LE(at + 8)
    )
      break;
    payloads.push(payload);
    at += HEAD_BYTES + payload.byteLength;
  }
  return { payloads, end: at };
}

/** Fills memory from a place of a file on; returns how much there was. */
export function readInto(descriptor: number, bytes: Uint8Array, from: number): number {
  let done = 0;
  while (done < bytes.byteLength) {
    const count = readSync(descriptor, bytes, done, bytes.byteLength - done, from + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/**
 * Shows the payload of every block in turn, each read over the last.
 *
 * @param room - as long as the longest payload.
 * @returns false for a file that is not whole.
 */
export function visitBlocks(
  descriptor: number,
  version: number,
  room: Uint8Array,
  look: (byteLength: number) => void,
): boolean {
  const head = Buffer.alloc(HEAD_BYTES);
  for (let at = 0; ; ) {
    const begun = readInto(descriptor, head, at);
    if (begun < HEAD_BYTES) return begun === 0;
    const byteLength = head.readUInt32LE(4);
    if (head.readUInt32LE(0) !== version || byteLength > room.byteLength) return false;
    const payload = room.subarray(0, byteLength);
    if (readInto(descriptor, payload, at + HEAD_BYTES) < byteLength || crc32(payload) !== head.readUInt32LE(8))
      return false;
    look(byteLength);
    at += HEAD_BYTES + byteLength;
  }
}
