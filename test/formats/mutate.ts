/** Numbers in [0, 1) that a seed determines (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Numbers that are extremes of some width. */
const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** A copy with a few changes: bits flipped, extreme numbers in places of 1, 2 or 4 bytes, stretches moved, the end cut off. */
export function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const changed = Buffer.from(bytes);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let left = 1 + below(4); left > 0; left -= 1) {
    const at = below(changed.byteLength);
    const way = below(4);
    if (way === 0) changed.writeUInt8((changed[at] ?? 0) ^ (1 << below(8)), at);
    else if (way === 1) changed.writeUInt8((EXTREMES[below(5)] ?? 0) & 0xff, at);
    else if (way === 2 && at + 4 <= changed.byteLength) changed.writeUInt32LE(EXTREMES[below(10)] ?? 0, at);
    else changed.copyWithin(at, below(changed.byteLength), below(changed.byteLength));
  }
  const keep = random() < 0.1 ? below(changed.byteLength) : changed.byteLength;
  return new Uint8Array(changed.subarray(0, keep));
}
