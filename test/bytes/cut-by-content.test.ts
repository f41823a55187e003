import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AVERAGE_CUT_BYTES, cutByContent, MAX_CUT_BYTES, MIN_CUT_BYTES } from '../../src/bytes/cut-by-content.ts';
import { memorySource } from '../../src/bytes/memory-source.ts';
import { sha256Hex } from '../../src/bytes/sha256.ts';

/** Bytes that look random and are the same each time. */
function noise(byteLength: number, seed: string): Uint8Array {
  const key = createHash('sha256').update(seed).digest();
  const bytes = new Uint8Array(byteLength);
  let state = key.readUInt32LE(0) | 1;
  for (let i = 0; i < byteLength; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

async function cut(bytes: Uint8Array, pieceLength = 1 << 20): Promise<readonly Uint8Array[]> {
  async function* stream() {
    for (let at = 0; at < bytes.byteLength; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of cutByContent(stream())) chunks.push(chunk);
  return chunks;
}

const data = noise(24 << 20, 'cut');

describe('content-defined chunks', () => {
  test('are the stream, within their bounds, of the average length', async () => {
    const chunks = await cut(data);
    expect(sha256Hex(Buffer.concat(chunks))).toBe(sha256Hex(data));
    for (const chunk of chunks.slice(0, -1)) expect(chunk.byteLength).toBeGreaterThanOrEqual(MIN_CUT_BYTES);
    for (const chunk of chunks) expect(chunk.byteLength).toBeLessThanOrEqual(MAX_CUT_BYTES);
    // 96 chunks of a spread of three quarters of the mean: four standard errors are a third.
    const mean = data.byteLength / chunks.length;
    expect(mean / AVERAGE_CUT_BYTES).toBeGreaterThan(0.67);
    expect(mean / AVERAGE_CUT_BYTES).toBeLessThan(1.5);
  });

  test('do not depend on the pieces that come', async () => {
    const small = data.subarray(0, 6 << 20);
    const lengths = (await cut(small)).map((chunk) => chunk.byteLength);
    for (const pieceLength of [997, 65_536, 4 << 20, 6 << 20]) {
      expect((await cut(small, pieceLength)).map((chunk) => chunk.byteLength)).toEqual(lengths);
    }
  });

  test('are found again behind an insertion', async () => {
    const before = new Set((await cut(data)).map(sha256Hex));
    const changed = Buffer.concat([data.subarray(0, 5000), noise(777, 'inserted'), data.subarray(5000)]);
    const after = (await cut(changed)).map(sha256Hex);
    expect(after.filter((hash) => !before.has(hash)).length).toBeLessThanOrEqual(3);
  });

  test('are always the same: where files are cut is part of the format', async () => {
    const lengths = (await cut(data.subarray(0, 4 << 20))).map((chunk) => chunk.byteLength);
    expect(lengths).toMatchInlineSnapshot(`
      [
        124632,
        94938,
        280283,
        159308,
        78618,
        468013,
        84099,
        141321,
        241959,
        124294,
        146149,
        202239,
        420098,
        206766,
        404201,
        1017386,
      ]
    `);
  });

  test.each([0, 1, MIN_CUT_BYTES - 1, MIN_CUT_BYTES])('take %d bytes', async (byteLength) => {
    const chunks = await cut(data.subarray(0, byteLength));
    expect(chunks.map((chunk) => chunk.byteLength)).toEqual(byteLength === 0 ? [] : [byteLength]);
  });

  test('cut what never changes at the maximum', async () => {
    const lengths: number[] = [];
    for await (const chunk of cutByContent(memorySource(new Uint8Array(2.5 * MAX_CUT_BYTES)).stream())) {
      lengths.push(chunk.byteLength);
    }
    expect(lengths).toEqual([MAX_CUT_BYTES, MAX_CUT_BYTES, MAX_CUT_BYTES / 2]);
  });
});
