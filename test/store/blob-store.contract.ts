import { expect, it } from 'vitest';
import type { BlobStore } from '../../src/store/blob-store.ts';
import { changeSome, idOf, putAll, randomBytes } from './blobs.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What every BlobStore promises; run it over each implementation. */
export function describeBlobStore(open: () => Promise<BlobStore>): void {
  const plain = randomBytes(3000, 1);
  const hint = { type: 'bytes' } as const;

  it('returns what was put, after the commit', async () => {
    const store = await open();
    const [id] = await putAll(store, [{ plain }]);
    expect(id && (await store.read(id))).toEqual(plain);
    expect(await store.has(idOf(plain))).toBe(true);
    expect(await store.storedByteLength(idOf(plain))).toBeGreaterThan(0);
  });

  it('returns what was put at once, and forgets it when the batch is dropped', async () => {
    const store = await open();
    const batch = await store.beginBatch();
    expect(await batch.put(idOf(plain), plain, hint)).toMatchObject({ isNew: true });
    expect(await store.read(idOf(plain))).toEqual(plain);
    await batch.discard();
    expect(await store.has(idOf(plain))).toBe(false);
    await expect(store.read(idOf(plain))).rejects.toMatchObject({ code: 'not-found' });
  });

  it('costs nothing to put what is stored', async () => {
    const store = await open();
    await putAll(store, [{ plain }]);
    const batch = await store.beginBatch();
    expect(await batch.put(idOf(plain), plain, hint)).toEqual({ storedBytes: 0, isNew: false });
    const other = randomBytes(10, 2);
    expect(await batch.put(idOf(other), other, hint)).toMatchObject({ isNew: true });
    expect(await batch.put(idOf(other), other, hint)).toEqual({ storedBytes: 0, isNew: false });
    await batch.commit();
  });

  it('does not take what another batch has not committed for stored', async () => {
    const store = await open();
    const [first, second] = [await store.beginBatch(), await store.beginBatch()];
    await first.put(idOf(plain), plain, hint);
    expect(await second.put(idOf(plain), plain, hint)).toMatchObject({ isNew: true });
    await first.discard();
    await second.commit();
    expect(await store.read(idOf(plain))).toEqual(plain);
  });

  it('lists what is committed, once', async () => {
    const store = await open();
    const blobs = [0, 1, 2].map((seed) => ({ plain: randomBytes(100 + seed, seed + 5) }));
    const ids = await putAll(store, blobs);
    const batch = await store.beginBatch();
    await batch.put(idOf(plain), plain, hint);
    expect((await collect(store.list())).sort()).toEqual([...ids].sort());
    await batch.discard();
  });

  it('keeps the empty blob', async () => {
    const store = await open();
    const empty = new Uint8Array();
    await putAll(store, [{ plain: empty }]);
    expect(await store.read(idOf(empty))).toEqual(empty);
  });

  it('is not changed by writing into what it was given or gave', async () => {
    const store = await open();
    const given = plain.slice();
    const batch = await store.beginBatch();
    await batch.put(idOf(plain), given, hint);
    given.fill(0);
    await batch.commit();
    (await store.read(idOf(plain))).fill(0);
    expect(await store.read(idOf(plain))).toEqual(plain);
  });

  it('refuses content that is not what its id says', async () => {
    const store = await open();
    const batch = await store.beginBatch();
    await expect(batch.put(idOf(plain), changeSome(plain, 1), hint)).rejects.toMatchObject({ code: 'bad-file' });
    await batch.discard();
  });

  it('says "not-found" for what was never put', async () => {
    const store = await open();
    expect(await store.has(idOf(plain))).toBe(false);
    await expect(store.read(idOf(plain))).rejects.toMatchObject({ code: 'not-found' });
    await expect(store.storedByteLength(idOf(plain))).rejects.toMatchObject({ code: 'not-found' });
  });

  it('commits an empty batch, and takes nothing after a commit', async () => {
    const store = await open();
    const batch = await store.beginBatch();
    await batch.commit();
    await batch.discard();
    await expect(batch.put(idOf(plain), plain, hint)).rejects.toMatchObject({ code: 'bug' });
  });

  it('keeps concurrent puts apart', async () => {
    const store = await open();
    const batch = await store.beginBatch();
    const blobs = Array.from({ length: 20 }, (_, i) => randomBytes(500, i + 50));
    await Promise.all(blobs.map((blob) => batch.put(idOf(blob), blob, hint)));
    await batch.commit();
    for (const blob of blobs) expect(await store.read(idOf(blob))).toEqual(blob);
  });
}
