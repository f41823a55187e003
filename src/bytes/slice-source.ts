import { checkRange } from './ranges.ts';
import type { ByteSource } from './source.ts';

/**
 * Makes a source of a part of another. Closing it leaves the other open: whoever opened that closes it.
 *
 * @throws WsvcError `bad-file` when the part is not inside the source.
 */
export function sliceSource(source: ByteSource, offset: number, byteLength: number): ByteSource {
  checkRange(source.byteLength, offset, byteLength);
  return {
    byteLength,
    async read(at, length) {
      checkRange(byteLength, at, length);
      return source.read(offset + at, length);
    },
    stream(at = 0, length = byteLength - at, room = undefined) {
      checkRange(byteLength, at, length);
      return source.stream(offset + at, length, room);
    },
    async close() {},
  };
}
