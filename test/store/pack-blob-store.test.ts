import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { castBlock } from '../../src/codec/casts.ts';
import { standaloneWork } from '../../src/codec/decode-work.ts';
import type { BlobId } from '../../src/objects/ids.ts';
import { type BlobFinding, type CheckLevel, checkBlobs } from '../../src/store/check-blobs.ts';
import { createMemoryBlobStore } from '../../src/store/memory-blob-store.ts';
import { createBlobStore, openBlobStore, type PackedBlobStore } from '../../src/store/pack-blob-store.ts';
import { MAX_CHAIN_DEPTH, MAX_RESTORE_FACTOR, MAX_RESTORE_WORK, measureWork } from '../../src/store/restore-work.ts';
import { describeBlobStore } from './blob-store.contract.ts';
import { changeSome, createRandom, idOf, putAll, randomBytes, testCoder } from './blobs.ts';
import { temporaryFolders } from './temporary.ts';

const temporary = temporaryFolders();
const options = { coder: testCoder };

async function findings(store: PackedBlobStore, level: CheckLevel): Promise<BlobFinding[]> {
  const found: BlobFinding[] = [];
  for await (const finding of checkBlobs(store, { level })) found.push(finding);
  return found;
}

async function onlyPack(directory: string): Promise<string> {
  const folder = join(directory, 'blobs', 'packs');
  const [name, ...more] = await readdir(folder);
  expect(more).toEqual([]);
  return join(folder, name ?? '');
}

describe('a blob store in memory', () => describeBlobStore(async () => createMemoryBlobStore()));
describe('a blob store in packs', () => describeBlobStore(async () => createBlobStore(await temporary(), options)));
describe('a blob store in packs, with the real codec', () =>
  describeBlobStore(async () => createBlobStore(await temporary())));

describe('packs', () => {
  it('are read by another process, and appear to one that is open', async () => {
    const directory = await temporary();
    const [a, b] = [await createBlobStore(directory, options), await openBlobStore(directory, options)];
    const plain = randomBytes(1000, 3);
    await putAll(a, [{ plain }]);
    expect(await b.read(idOf(plain))).toEqual(plain);
    const before = await b.beginBatch();
    expect(await before.put(idOf(plain), plain, { type: 'bytes' })).toMatchObject({ isNew: false });
  });

  it('leave nothing in tmp, committed or dropped', async () => {
    const directory = await temporary();
    const store = await createBlobStore(directory, options);
    await putAll(store, [{ plain: randomBytes(1000, 3) }]);
    const batch = await store.beginBatch();
    await batch.put(idOf(randomBytes(9, 9)), randomBytes(9, 9), { type: 'bytes' });
    await batch.discard();
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  it('of a newer version are refused', async () => {
    const directory = await temporary();
    await putAll(await createBlobStore(directory, options), [{ plain: randomBytes(1000, 3) }]);
    const path = await onlyPack(directory);
    const bytes = await readFile(path);
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(2, bytes.byteLength - 64 + 20);
    await writeFile(path, bytes);
    await expect(openBlobStore(directory, options)).rejects.toMatchObject({ code: 'format-version' });
  });
});

/** A chain of versions, each hinted at the one before; the ids in order. */
async function storeChain(store: PackedBlobStore, length: number, type: 'bytes' | 'f32' = 'f32'): Promise<BlobId[]> {
  const ids: BlobId[] = [];
  let plain = randomBytes(4000, 7);
  for (let i = 0; i < length; i++) {
    const base = ids.at(-1);
    await putAll(store, [{ plain, hint: { type, ...(base === undefined ? {} : { base }) } }]);
    ids.push(idOf(plain));
    plain = changeSome(plain, 100 + i);
  }
  return ids;
}

/** Versions of weights as training makes them, each hinted at the one before. */
async function storeWalk(store: PackedBlobStore, length: number): Promise<BlobId[]> {
  const random = createRandom(9);
  const values = Float32Array.from({ length: 8192 }, () => (random() - 0.5) * 0.1);
  const steps = new Float32Array(values.length);
  const ids: BlobId[] = [];
  for (let version = 0; version < length; version++) {
    const plain = new Uint8Array(values.slice().buffer);
    const base = ids.at(-1);
    await putAll(store, [{ plain, hint: { type: 'f32', ...(base === undefined ? {} : { base }) } }]);
    ids.push(idOf(plain));
    for (let i = 0; i < values.length; i++) {
      steps[i] = 0.5 * (steps[i] ?? 0) + (random() - 0.5) * 1e-5;
      values[i] = (values[i] ?? 0) + (steps[i] ?? 0);
    }
  }
  return ids;
}

/** Versions whose steps are so large that few find room in what restoring may read; each hinted at the two before it, as a run's are. */
async function storeLongSteps(store: PackedBlobStore, length: number): Promise<BlobId[]> {
  const random = createRandom(9);
  const values = Float32Array.from({ length: 16_384 }, () => (random() - 0.5) * 0.1);
  const steps = Float32Array.from(values, () => (random() - 0.5) * 0.03);
  const ids: BlobId[] = [];
  for (let version = 0; version < length; version++) {
    const plain = new Uint8Array(values.slice().buffer);
    const others = ids
      .slice(-2)
      .reverse()
      .map((id) => ({ blobs: [id] }));
    await putAll(store, [{ plain, hint: { type: 'f32', others } }]);
    ids.push(idOf(plain));
    for (let i = 0; i < values.length; i++) {
      steps[i] = 0.8 * (steps[i] ?? 0) + (random() - 0.5) * 2e-3;
      values[i] = (values[i] ?? 0) + (steps[i] ?? 0);
    }
  }
  return ids;
}

describe('deltas', () => {
  it('are smaller, also against a blob of the same batch, and read back by another store', async () => {
    const directory = await temporary();
    const store = await createBlobStore(directory, options);
    const first = randomBytes(4000, 1);
    const second = changeSome(first, 2);
    await putAll(store, [
      { plain: first, hint: { type: 'f32' } },
      { plain: second, hint: { type: 'f32', base: idOf(first) } },
    ]);
    expect(await store.storedByteLength(idOf(second))).toBeLessThan(300);
    expect(await (await openBlobStore(directory, options)).read(idOf(second))).toEqual(second);
  });

  it('stay within the bounds of depth and restore work, and are still used beyond them', async () => {
    const directory = await temporary();
    const ids = await storeChain(await createBlobStore(directory, options), 3 * MAX_CHAIN_DEPTH);
    const store = await openBlobStore(directory, options);
    const rows = await Promise.all(ids.map(async (id) => (await store.findStored(id))?.row));
    expect(Math.max(...rows.map((row) => row?.depth ?? 99))).toBe(MAX_CHAIN_DEPTH);
    for (const row of rows)
      expect(row?.restoreByteLength).toBeLessThanOrEqual(MAX_RESTORE_FACTOR * (row?.byteLength ?? 0) * 1.1);
    // Past the bound the nearest ancestor that allows it is the base, so only the first one stands alone.
    expect(rows.filter((row) => row?.ancestors === 0)).toHaveLength(1);
    for (const id of ids) expect(idOf(await store.read(id))).toBe(id);
    expect(await findings(store, 'content')).toEqual([]);
  });

  it('of the real coder take no more work than their bound, and begin a new chain higher up when one is full', async () => {
    const directory = await temporary();
    const ids = await storeWalk(await createBlobStore(directory), 14);
    const store = await openBlobStore(directory);
    const depths: number[] = [];
    for (const id of ids) {
      const row = store.packs.find(id)?.row;
      if (row === undefined) throw new Error('stored above');
      const work = await measureWork(store, [{ row }], async (base) => store.findStored(base));
      expect(work).toBeLessThanOrEqual(MAX_RESTORE_WORK * standaloneWork('f32', row.byteLength));
      depths.push(row.depth);
    }
    // Five steps with a history find room; then the chain goes on from higher up, not from ever farther below its end.
    expect(Math.max(...depths)).toBe(5);
    expect(depths.filter((depth) => depth === 0)).toHaveLength(1);
    expect(depths.some((depth, i) => depth + 1 < (depths[i - 1] ?? 0))).toBe(true);
  });

  it('of long steps go on from another base where too much would be read for the best', async () => {
    const directory = await temporary();
    const ids = await storeLongSteps(await createBlobStore(directory), 9);
    const store = await openBlobStore(directory);
    const rows = ids.flatMap((id) => store.packs.find(id)?.row ?? []);
    const alone = rows[0]?.recordByteLength ?? 0;
    for (const row of rows) expect(row.restoreByteLength).toBeLessThanOrEqual(MAX_RESTORE_FACTOR * alone * 1.05);
    expect(rows.some(({ depth }, i) => depth === 0 && rows[i - 1]?.depth === 0)).toBe(false);
  });

  it('may be a cast of what stands some steps down a chain', async () => {
    const store = await createBlobStore(await temporary());
    const base = (await storeWalk(store, 4)).at(-1);
    if (base === undefined) throw new Error('stored above');
    const plain = castBlock(await store.read(base), 'f32', 'bf16', 'nearest');
    await putAll(store, [{ plain, hint: { type: 'bf16', base } }]);
    expect((await store.readPlain(idOf(plain))).bases).toEqual([base]);
  });

  it('name the base of the base that they were coded with', async () => {
    const directory = await temporary();
    const ids = await storeChain(await createBlobStore(directory, options), 3);
    const store = await openBlobStore(directory, options);
    const [, , third] = ids;
    expect(third && (await store.readPlain(third)).bases).toEqual([ids[1], ids[0]]);
  });

  it.each([
    ['no shorter than the blob alone', randomBytes(4000, 99), { type: 'f32' as const }],
    ['with another number of elements', randomBytes(4004, 7), { type: 'f32' as const }],
    ['of another element width', randomBytes(4000, 7), { type: 'f16' as const }],
  ])('are not used %s', async (_case, plain, hint) => {
    const store = await createBlobStore(await temporary(), options);
    const base = randomBytes(4000, 7).map((byte, i) => (i < 4 ? byte ^ 1 : byte));
    await putAll(store, [{ plain: base, hint: { type: 'f32' } }]);
    await putAll(store, [{ plain, hint: { ...hint, base: idOf(base) } }]);
    expect((await store.findStored(idOf(plain)))?.row.ancestors).toBe(0);
    expect(await store.read(idOf(plain))).toEqual(plain);
  });

  it('are not made against a blob that another batch has not committed, or that is not there', async () => {
    const store = await createBlobStore(await temporary(), options);
    const base = randomBytes(4000, 1);
    const other = await store.beginBatch();
    await other.put(idOf(base), base, { type: 'f32' });
    const plain = changeSome(base, 2);
    await putAll(store, [{ plain, hint: { type: 'f32', base: idOf(base) } }]);
    await other.discard();
    expect(await store.read(idOf(plain))).toEqual(plain);
  });

  it('are not committed when the codec does not decode what it encoded', async () => {
    const broken = { ...testCoder, decodeBlock: (_b: unknown, n: number) => new Uint8Array(n) };
    const store = await createBlobStore(await temporary(), { coder: broken });
    const batch = await store.beginBatch();
    const plain = randomBytes(100, 1);
    await expect(batch.put(idOf(plain), plain, { type: 'bytes' })).rejects.toMatchObject({ code: 'corrupt' });
    await batch.commit();
    expect(await store.has(idOf(plain))).toBe(false);
  });
});

describe('damage', () => {
  it('of any byte of a pack is found, and never returned', async () => {
    const directory = await temporary();
    const original = await createBlobStore(directory, options);
    const first = randomBytes(300, 1);
    const plains = [first, changeSome(first, 2), randomBytes(40, 3)];
    await putAll(original, [
      { plain: first, hint: { type: 'f32' } },
      { plain: changeSome(first, 2), hint: { type: 'f32', base: idOf(first) } },
      { plain: randomBytes(40, 3) },
    ]);
    const path = await onlyPack(directory);
    const bytes = await readFile(path);
    for (let at = 0; at < bytes.byteLength; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      await writeFile(path, damaged);
      const isFound = await expectNothingWrong(directory, plains);
      expect(isFound, `byte ${at}`).toBe(true);
    }
  }, 120_000);

  /** Opens, reads everything, checks: content is right or refused; true when the damage was told. */
  async function expectNothingWrong(directory: string, plains: readonly Uint8Array[]): Promise<boolean> {
    const store = await openBlobStore(directory, options);
    for (const plain of plains) {
      const read = await store.read(idOf(plain)).catch((error: { code: string }) => error.code);
      if (read !== 'corrupt') expect(read).toEqual(plain);
    }
    return (await findings(store, 'stored')).length > 0;
  }

  it('by truncation at any length is found, and what is whole elsewhere is still read', async () => {
    const directory = await temporary();
    const store = await createBlobStore(directory, options);
    const [lost, kept] = [randomBytes(300, 1), randomBytes(300, 2)];
    await putAll(store, [{ plain: lost }]);
    const path = await onlyPack(directory);
    await putAll(store, [{ plain: kept }]);
    const bytes = await readFile(path);
    for (let length = 0; length < bytes.byteLength; length += 7) {
      await writeFile(path, bytes);
      await truncate(path, length);
      const opened = await openBlobStore(directory, options);
      expect(await opened.read(idOf(kept))).toEqual(kept);
      await expect(opened.read(idOf(lost))).rejects.toMatchObject({ code: 'corrupt' });
      expect(await findings(opened, 'connectivity')).toHaveLength(1);
    }
  });

  it('of one copy is mended by another', async () => {
    const directory = await temporary();
    const [a, b] = [await createBlobStore(directory, options), await openBlobStore(directory, options)];
    const plain = randomBytes(300, 1);
    const [x, y] = [await a.beginBatch(), await b.beginBatch()];
    await x.put(idOf(plain), plain, { type: 'bytes' });
    await y.put(idOf(plain), plain, { type: 'bytes' });
    await y.put(idOf(randomBytes(5, 5)), randomBytes(5, 5), { type: 'bytes' });
    await x.commit();
    await y.commit();
    const folder = join(directory, 'blobs', 'packs');
    for (const name of await readdir(folder)) {
      const bytes = await readFile(join(folder, name));
      await writeFile(join(folder, name), Buffer.from(bytes).fill(255, 40, 60));
      const store = await openBlobStore(directory, options);
      expect(await store.read(idOf(plain))).toEqual(plain);
      expect((await findings(store, 'stored')).length).toBeGreaterThan(0);
      await writeFile(join(folder, name), bytes);
    }
  });

  it('of a base names the deltas that are lost with it', async () => {
    const directory = await temporary();
    const store = await createBlobStore(directory, options);
    const ids = await storeChain(store, 3);
    const [first, second, third] = ids;
    const row = await store.findStored(first ?? idOf(new Uint8Array()));
    if (row === undefined) throw new Error('stored above');
    const bytes = await readFile(row.path);
    await writeFile(row.path, bytes.fill(1, row.row.offset + 60, row.row.offset + 80));
    const lost = (await findings(await openBlobStore(directory, options), 'content')).flatMap(({ blob }) => blob ?? []);
    expect(new Set(lost)).toEqual(new Set([first, second, third]));
  });

  it('by a pack that is gone is told for what was coded against it', async () => {
    const directory = await temporary();
    const store = await createBlobStore(directory, options);
    const [first, second] = await storeChain(store, 2);
    const row = await store.findStored(first ?? idOf(new Uint8Array()));
    if (row === undefined) throw new Error('stored above');
    const { unlink } = await import('node:fs/promises');
    await unlink(row.path);
    const opened = await openBlobStore(directory, options);
    expect(await findings(opened, 'connectivity')).toMatchObject([{ level: 'connectivity', blob: second }]);
    await expect(opened.read(second ?? idOf(new Uint8Array()))).rejects.toMatchObject({ code: 'corrupt' });
  });
});
