import { checkRange } from './ranges.ts';
import { type ByteSource, CHUNK_BYTES } from './source.ts';

/** Makes a source of bytes that are in memory; what it reads are views, not copies. */
export function memorySource(bytes: Uint8Array): ByteSource {
  function view(offset: number, byteLength: number): Uint8Array {
    checkRange(bytes.byteLength, offset, byteLength);
    return bytes.subarray(offset, offset + byteLength);
  }
  return {
    byteLength: bytes.byteLength,
    async read(offset, byteLength) {
      return view(offset, byteLength);
    },
    async *stream(offset = 0, byteLength = bytes.byteLength - offset) {
      const range = view(offset, byteLength);
      for (let at = 0; at < byteLength; at += CHUNK_BYTES) yield range.subarray(at, at + CHUNK_BYTES);
    },
    async close() {},
  };
}
