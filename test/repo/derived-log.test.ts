import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDerivedLog } from '../../src/repo/derived-log.ts';

const keyOf = (n: number): string => n.toString(16).padStart(64, '0');
const payloadOf = (n: number, byteLength = 40): Uint8Array => new Uint8Array(byteLength).fill(n);
const plain = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : [...bytes]);

describe('a derived log', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wsvc-log-'));
    file = path.join(folder, 'derived', 'some.log');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('gives back what was appended, also to those who open it later', async () => {
    const log = openDerivedLog(file);
    await log.append([1, 2, 3].map((n) => ({ key: keyOf(n), payload: payloadOf(n) })));
    for (const reader of [log, openDerivedLog(file)]) {
      expect(reader.size).toBe(3);
      for (const n of [1, 2, 3]) expect(plain(reader.get(keyOf(n)))).toEqual(plain(payloadOf(n)));
      expect(reader.get(keyOf(4))).toBeUndefined();
    }
  });

  it('reads a log that is too long to be read whole', async () => {
    const long = 3 << 20;
    await openDerivedLog(file).append(
      Array.from({ length: 12 }, (_, n) => ({ key: keyOf(n), payload: payloadOf(n, long) })),
    );
    const log = openDerivedLog(file);
    expect(log.size).toBe(12);
    expect(Buffer.from(log.get(keyOf(11)) ?? []).equals(payloadOf(11, long))).toBe(true);
  });

  describe('that is too long to be read whole', () => {
    const count = 300;
    const filler = { key: keyOf(9999), payload: payloadOf(7, 33 << 20) };
    const places = () => `${file}.places`;

    async function makeLong(): Promise<void> {
      const small = Array.from({ length: count }, (_, n) => ({ key: keyOf(n), payload: payloadOf(n % 256) }));
      await openDerivedLog(file).append([filler, ...small]);
      // The first reader notes where the records stand.
      expect(openDerivedLog(file).get(keyOf(0))).toBeDefined();
      expect((await stat(places())).size).toBeGreaterThan(44 * count);
    }

    function expectAll(): void {
      const log = openDerivedLog(file);
      for (let n = 0; n < count; n++) expect(plain(log.get(keyOf(n)))).toEqual(plain(payloadOf(n % 256)));
      expect(log.size).toBe(count + 1);
    }

    it('is read by noted places, and what was appended since is found', async () => {
      await makeLong();
      expectAll();
      await openDerivedLog(file).append([{ key: keyOf(5000), payload: payloadOf(3) }]);
      expect(plain(openDerivedLog(file).get(keyOf(5000)))).toEqual(plain(payloadOf(3)));
      expect(openDerivedLog(file).size).toBe(count + 2);
    });

    it('needs no places, and believes none that are not where they were', async () => {
      await makeLong();
      const noted = await readFile(places());
      for (const at of [0, 20, 60, noted.byteLength - 1]) {
        const damaged = Buffer.from(noted);
        damaged[at] = (damaged[at] ?? 0) ^ 1;
        await writeFile(places(), damaged);
        expectAll();
      }
      await rm(places());
      expectAll();
      await openDerivedLog(file).retain([filler.key, ...Array.from({ length: count - 1 }, (_, n) => keyOf(n + 1))]);
      const log = openDerivedLog(file);
      expect(log.get(keyOf(0))).toBeUndefined();
      for (let n = 1; n < count; n++) expect(plain(log.get(keyOf(n)))).toEqual(plain(payloadOf(n % 256)));
    });
  });

  it('does not give back a record that was damaged, and goes on behind a torn one', async () => {
    await openDerivedLog(file).append([1, 2].map((n) => ({ key: keyOf(n), payload: payloadOf(n) })));
    const bytes = await readFile(file);
    bytes[70] = 99;
    await writeFile(file, bytes.subarray(0, bytes.byteLength - 1));
    const log = openDerivedLog(file);
    expect(log.get(keyOf(1))).toBeUndefined();
    expect(log.get(keyOf(2))).toBeUndefined();
    await log.append([{ key: keyOf(3), payload: payloadOf(3) }]);
    expect(plain(openDerivedLog(file).get(keyOf(3)))).toEqual(plain(payloadOf(3)));
  });

  it('is written anew when more than half of it has been replaced', async () => {
    for (let round = 0; round < 40; round++) {
      await openDerivedLog(file).append(
        [1, 2, 3, 4].map((n) => ({ key: keyOf(n), payload: payloadOf(n + round, 1000) })),
      );
      expect((await stat(file)).size).toBeLessThan(1 << 15);
    }
    const log = openDerivedLog(file);
    for (const n of [1, 2, 3, 4]) expect(plain(log.get(keyOf(n)))).toEqual(plain(payloadOf(n + 39, 1000)));
  });
});
