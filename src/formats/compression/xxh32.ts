const P1 = 0x9e3779b1;
const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

const turn = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
const round = (sum: number, word: number): number => Math.imul(turn((sum + Math.imul(word, P2)) | 0, 13), P1);

function finish(start: number): number {
  let hash = start;
  hash = Math.imul(hash ^ (hash >>> 15), P2);
  hash = Math.imul(hash ^ (hash >>> 13), P3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The checksum of LZ4 frames, with the seed 0 (xxHash specification, "XXH32 algorithm description"). */
export function xxh32(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let hash = P5;
  if (bytes.byteLength >= 16) {
    let [a, b, c, d] = [(P1 + P2) | 0, P2 | 0, 0, -P1 | 0];
    for (; at + 16 <= bytes.byteLength; at += 16) {
      a = round(a, view.getUint32(at, true));
      b = round(b, view.getUint32(at + 4, true));
      c = round(c, view.getUint32(at + 8, true));
      d = round(d, view.getUint32(at + 12, true));
    }
    hash = (turn(a, 1) + turn(b, 7) + turn(c, 12) + turn(d, 18)) | 0;
  }
  hash = (hash + bytes.byteLength) | 0;
  for (; at + 4 <= bytes.byteLength; at += 4) {
    hash = Math.imul(turn((hash + Math.imul(view.getUint32(at, true), P3)) | 0, 17), P4);
  }
  for (; at < bytes.byteLength; at += 1) hash = Math.imul(turn((hash + Math.imul(bytes[at] ?? 0, P5)) | 0, 11), P1);
  return finish(hash);
}
