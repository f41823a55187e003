import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { collectBytes } from '../../src/bytes/collect.ts';
import { directoryFiles, isInsideName } from '../../src/bytes/directory-files.ts';
import { openFileSource } from '../../src/bytes/file-source.ts';
import { fromHex, toHex } from '../../src/bytes/hex.ts';
import { memorySource } from '../../src/bytes/memory-source.ts';
import { createSha256, sha256Hex } from '../../src/bytes/sha256.ts';
import { sliceSource } from '../../src/bytes/slice-source.ts';
import { type ByteSource, CHUNK_BYTES } from '../../src/bytes/source.ts';
import { wholeUnits } from '../../src/bytes/whole-units.ts';

const folder = mkdtempSync(join(tmpdir(), 'wsvc-bytes-'));
afterAll(() => rmSync(folder, { recursive: true }));

const content = Uint8Array.from({ length: CHUNK_BYTES + 1000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
const path = join(folder, 'content');
writeFileSync(path, content);

const sources: readonly (readonly [string, () => Promise<ByteSource>])[] = [
  ['file', () => openFileSource(path)],
  ['memory', async () => memorySource(content)],
  [
    'slice',
    async () => {
      const padded = new Uint8Array(content.byteLength + 20);
      padded.set(content, 7);
      return sliceSource(memorySource(padded), 7, content.byteLength);
    },
  ],
];

describe.each(sources)('%s source', (_, open) => {
  test('reads any range', async () => {
    const source = await open();
    expect(source.byteLength).toBe(content.byteLength);
    const range = fc.tuple(fc.nat(content.byteLength), fc.nat(5000));
    await fc.assert(
      fc.asyncProperty(range, async ([offset, length]) => {
        const end = Math.min(content.byteLength, offset + length);
        expect(toHex(await source.read(offset, end - offset))).toBe(toHex(content.subarray(offset, end)));
      }),
      { numRuns: 50 },
    );
    await source.close();
  });

  test('reads small ranges that follow each other', async () => {
    const source = await open();
    const steps = fc.array(fc.tuple(fc.nat(40), fc.nat(9000)), { minLength: 150, maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(content.byteLength - 1_500_000), async (ranges, start) => {
        let at = start;
        for (const [gap, length] of ranges) {
          const read = await source.read(at + gap, length);
          expect(sha256Hex(read)).toBe(sha256Hex(content.subarray(at + gap, at + gap + length)));
          at += gap + length;
        }
      }),
      { numRuns: 5 },
    );
    await source.close();
  });

  test('streams all of it in pieces that are not too large', async () => {
    const source = await open();
    const lengths: number[] = [];
    const hash = createSha256();
    for await (const piece of source.stream()) {
      lengths.push(piece.byteLength);
      hash.update(piece);
    }
    expect(lengths).toEqual([CHUNK_BYTES, 1000]);
    expect(hash.hex()).toBe(sha256Hex(content));
    const again = createSha256();
    const room = new Uint8Array(CHUNK_BYTES);
    for await (const piece of source.stream(0, content.byteLength, room)) again.update(piece);
    expect(again.hex()).toBe(sha256Hex(content));
    expect(toHex(await collectBytes(source.stream(5, 9)))).toBe(toHex(content.subarray(5, 14)));
    expect(await collectBytes(source.stream(content.byteLength))).toHaveLength(0);
    await source.close();
  });

  test.each([
    [-1, 1],
    [0, content.byteLength + 1],
    [content.byteLength, 1],
    [0.5, 1],
    [0, Number.NaN],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('refuses the range %d + %d', async (offset, length) => {
    const source = await open();
    await expect(source.read(offset, length)).rejects.toMatchObject({ code: 'bad-file' });
    await expect((async () => collectBytes(source.stream(offset, length)))()).rejects.toMatchObject({
      code: 'bad-file',
    });
    await source.close();
  });
});

describe('files', () => {
  test('that are missing or no files', async () => {
    await expect(openFileSource(join(folder, 'none'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(openFileSource(join(path, 'below-a-file'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(openFileSource(folder)).rejects.toMatchObject({ code: 'not-found' });
    await expect(openFileSource('/dev/zero')).rejects.toMatchObject({ code: 'not-found' });
  });

  test('that shrink while they are read', async () => {
    const shrinking = join(folder, 'shrinking');
    writeFileSync(shrinking, new Uint8Array(1_000_000));
    const source = await openFileSource(shrinking);
    writeFileSync(shrinking, new Uint8Array(10));
    await expect(source.read(0, 1_000_000)).rejects.toMatchObject({ code: 'bad-file' });
    await source.close();
  });

  test('that are small stay as they were when they were opened', async () => {
    const changing = join(folder, 'changing');
    writeFileSync(changing, 'before, and whole');
    const source = await openFileSource(changing);
    writeFileSync(changing, 'after');
    const read = await source.read(8, 9);
    expect(new TextDecoder().decode(read)).toBe('and whole');
    expect(read.byteOffset % 8).toBe(0);
    await source.close();
  });

  test('beside the primary', async () => {
    writeFileSync(join(folder, 'shard'), 'abc');
    symlinkSync(join(folder, 'shard'), join(folder, 'link'));
    const files = directoryFiles(path);
    expect(files.primary).toBe('content');
    for (const name of ['shard', 'link']) {
      const source = await files.open(name);
      expect(source?.byteLength).toBe(3);
      await source?.close();
    }
    expect(await files.open('missing')).toBeUndefined();
    expect(await files.open('missing/below')).toBeUndefined();
  });

  test.each(['', '..', '../x', '/etc/passwd', 'a/../../x', 'a//b', './x', 'C:x', '..\\x', 'a\0b', 'a/'])(
    'never leave the folder by %j',
    async (name) => {
      expect(isInsideName(name)).toBe(false);
      await expect(directoryFiles(path).open(name)).rejects.toMatchObject({ code: 'bad-file' });
    },
  );
});

test('hex is exact in both directions', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes);
    }),
  );
  for (const text of ['a', 'AB', 'zz', '0 '])
    expect(() => fromHex(text)).toThrow(expect.objectContaining({ code: 'corrupt' }));
});

test('whole units: pieces hold whole elements, whatever the cuts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 })),
      fc.constantFrom(1, 2, 4, 8, 16),
      async (pieces, unit) => {
        const out: Uint8Array[] = [];
        async function* stream() {
          yield* pieces;
        }
        for await (const piece of wholeUnits(stream(), unit)) out.push(piece);
        expect(Buffer.concat(out).equals(Buffer.concat(pieces))).toBe(true);
        for (const piece of out.slice(0, -1)) expect(piece.byteLength % unit).toBe(0);
      },
    ),
  );
});
