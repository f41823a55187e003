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
    const payload = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + bytes.readUInt32LE(at + 4));
    if (bytes.readUInt32LE(at) !== version || crc32(payload) !== bytes.readUInt32LE(at + 8)) break;
    payloads.push(payload);
    at += HEAD_BYTES + payload.byteLength;
  }
  return { payloads, end: at };
}
