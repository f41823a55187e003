import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BlobId } from '../../src/objects/ids.ts';
import type { Disk } from '../../src/store/disk.ts';
import { createBlobStore, openBlobStore, type PackedBlobStore } from '../../src/store/pack-blob-store.ts';
import { planRepack, type RepackPlan } from '../../src/store/plan-repack.ts';
import { decodeRecordBases, readBases } from '../../src/store/record-bases.ts';
import { readRepackCandidates, repack } from '../../src/store/repack.ts';
import { changeSome, idOf, putAll, randomBytes, testCoder } from './blobs.ts';
import { FailingDisk } from './failing-disk.ts';
import { expectBlobsClean } from './repository.ts';
import { fastFolder, temporaryFolders } from './temporary.ts';

const temporary = temporaryFolders(fastFolder());
const options = { coder: testCoder };
const NOBODY_IS_YOUNG = Number.POSITIVE_INFINITY;

async function plan(store: PackedBlobStore, roots: readonly BlobId[], everything = false): Promise<RepackPlan> {
  return planRepack(await readRepackCandidates(store, NOBODY_IS_YOUNG), roots, { everything });
}

async function run(store: PackedBlobStore, roots: readonly BlobId[], everything = false): Promise<RepackPlan> {
  const planned = await plan(store, roots, everything);
  for await (const _step of repack(store, planned)) {
    // Progress is of no interest here.
  }
  return planned;
}

const packNames = (directory: string): Promise<string[]> => readdir(join(directory, 'blobs', 'packs'));

async function expectReadable(directory: string, ids: readonly BlobId[], disk?: Disk): Promise<void> {
  const store = await openBlobStore(directory, { ...options, ...(disk === undefined ? {} : { disk }) });
  for (const id of ids) expect(idOf(await store.read(id))).toBe(id);
  await expectBlobsClean(store);
}

/** Chains across packs: some of each is needed, the rest is not; and a second copy of a blob in another pack. */
async function makeStore(): Promise<{ directory: string; needed: BlobId[]; bases: BlobId[]; garbage: BlobId[] }> {
  const directory = await temporary();
  const store = await createBlobStore(directory, options);
  const versions = [randomBytes(3000, 1)];
  for (let i = 1; i < 6; i++) versions.push(changeSome(versions.at(-1) ?? new Uint8Array(), 10 + i));
  const ids = versions.map(idOf);
  const [other, lost] = [randomBytes(500, 50), randomBytes(500, 51)];
  for (const [i, plain] of versions.entries()) {
    const base = ids[i - 1];
    await putAll(store, [
      { plain, hint: { type: 'f32', ...(base === undefined ? {} : { base }) } },
      { plain: randomBytes(200, 100 + i) },
    ]);
  }
  await putAll(store, [{ plain: other }, { plain: lost }]);
  // Two processes stored the same blob at the same time.
  const [a, b] = [await openBlobStore(directory, options), await openBlobStore(directory, options)];
  const twice = randomBytes(700, 60);
  const [x, y] = [await a.beginBatch(), await b.beginBatch()];
  await x.put(idOf(twice), twice, { type: 'bytes' });
  await y.put(idOf(twice), twice, { type: 'bytes' });
  await y.put(idOf(randomBytes(5, 5)), randomBytes(5, 5), { type: 'bytes' });
  await x.commit();
  await y.commit();
  const needed = [ids[2], ids[4], idOf(other), idOf(twice)].filter((id) => id !== undefined);
  const garbage = [...Array.from({ length: 6 }, (_, i) => idOf(randomBytes(200, 100 + i))), idOf(lost), ids[5]];
  return {
    directory,
    needed,
    bases: ids.slice(0, 4).filter((id) => id !== undefined),
    garbage: garbage.filter((id) => id !== undefined),
  };
}

describe('repack', () => {
  it('keeps what is needed and its bases, and drops the rest', async () => {
    const { directory, needed, bases, garbage } = await makeStore();
    const store = await openBlobStore(directory, options);
    const planned = await run(store, needed);
    await expectReadable(directory, [...needed, ...bases]);
    const after = await openBlobStore(directory, options);
    for (const id of garbage) expect(await after.has(id)).toBe(false);
    expect(await packNames(directory)).toHaveLength(1);
    const bytes = after.packs.packs().reduce((sum, pack) => sum + pack.byteLength, 0);
    expect(bytes).toBe(planned.bytesAfter);
    expect(planned.dropped.blobs).toBe(garbage.length + 2);
  });

  it('does nothing a second time, nor when all is needed in few packs', async () => {
    const { directory, needed } = await makeStore();
    await run(await openBlobStore(directory, options), needed);
    const before = await packNames(directory);
    const planned = await run(await openBlobStore(directory, options), needed);
    expect(planned.removed).toEqual([]);
    expect(await packNames(directory)).toEqual(before);
  });

  it('merges packs when there are many, record by record', async () => {
    const directory = await temporary();
    const store = await createBlobStore(directory, options);
    const plains = Array.from({ length: 8 }, (_, i) => randomBytes(300, i + 1));
    for (const plain of plains) await putAll(store, [{ plain }]);
    await run(store, plains.map(idOf));
    expect(await packNames(directory)).toHaveLength(1);
    await expectReadable(directory, plains.map(idOf));
  });

  it('never removes a pack that it has just written, when both have the same name', async () => {
    const directory = await temporary();
    const store = await createBlobStore(directory, options);
    const plain = randomBytes(300, 1);
    await putAll(store, [{ plain }]);
    const before = await packNames(directory);
    await run(store, [idOf(plain)], true);
    expect(await packNames(directory)).toEqual(before);
    await expectReadable(directory, [idOf(plain)]);
  });

  it('leaves young packs alone, and what their blobs are coded against', async () => {
    const { directory, bases } = await makeStore();
    const store = await openBlobStore(directory, options);
    const candidates = await readRepackCandidates(store, NOBODY_IS_YOUNG);
    const [, second] = bases;
    const young = candidates.map((one) => ({ ...one, isYoung: one.file.index.rows.some(({ id }) => id === second) }));
    for await (const _step of repack(store, planRepack(young, []))) {
      // Progress is of no interest here.
    }
    await expectReadable(directory, bases.slice(0, 2));
    expect(await packNames(directory)).toHaveLength(2);
  });

  it('removes nothing when a needed blob is damaged, and uses another copy where there is one', async () => {
    const { directory, needed } = await makeStore();
    const [id] = needed;
    const store = await openBlobStore(directory, options);
    const location = id === undefined ? undefined : await store.findStored(id);
    if (location === undefined) throw new Error('stored above');
    const { readFile, writeFile } = await import('node:fs/promises');
    const bytes = await readFile(location.path);
    const at = location.row.offset + location.row.recordByteLength - 3;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(location.path, bytes);
    const before = await packNames(directory);
    await expect(run(await openBlobStore(directory, options), needed)).rejects.toMatchObject({ code: 'corrupt' });
    expect(await packNames(directory)).toEqual(before);
  });

  it('lets a reader that opened the packs before go on', async () => {
    const { directory, needed } = await makeStore();
    const reader = await openBlobStore(directory, options);
    await run(await openBlobStore(directory, options), needed);
    for (const id of needed) expect(idOf(await reader.read(id))).toBe(id);
  });
});

describe('a repacking that fails', () => {
  it('at any change of the disk leaves everything needed readable, after a crash and after a power cut', async () => {
    const template = await makeStore();
    const prepare = async () => {
      const directory = await temporary();
      await cp(template.directory, directory, { recursive: true });
      return directory;
    };
    const counted = await prepare();
    const whole = new FailingDisk(counted);
    await run(await openBlobStore(counted, { ...options, disk: whole }), template.needed);
    for (let n = 1; n <= whole.changes; n++) {
      for (const kind of ['crash', 'fail'] as const) {
        const directory = await prepare();
        const disk = new FailingDisk(directory, n, kind);
        await disk.load();
        const store = await openBlobStore(directory, { ...options, disk });
        await expect(run(store, template.needed)).rejects.toMatchObject({ code: 'system' });
        const survived = await temporary();
        await disk.writeDurable(survived);
        for (const folder of [directory, survived]) {
          await expectReadable(folder, [...template.needed, ...template.bases]);
          await run(await openBlobStore(folder, options), template.needed);
          await expectReadable(folder, template.needed);
          expect(await packNames(folder)).toHaveLength(1);
        }
      }
    }
    console.log(`repacking died at each of ${whole.changes} changes of the disk; 4 outcomes each`);
  }, 120_000);
});

describe('the bases at the beginning of a record', () => {
  it('are those that the whole record says', async () => {
    const { directory } = await makeStore();
    const store = await openBlobStore(directory, options);
    for (const pack of store.packs.packs()) {
      const bases = await readBases(store.disk, pack);
      for (const { id } of pack.index.rows) expect(bases.get(id) ?? []).toEqual((await store.readPlain(id)).bases);
    }
  });

  it.each([
    ['no array of seven', [0x96, 0, 0, 0, 0xc0, 0x90]],
    ['a field that is no number', [0x97, 0xa0, 0, 0, 0xc0, 0x90]],
    ['three bases', [0x97, 0, 0, 0, 0, 0x93]],
    ['a base that ends early', [0x97, 0, 0, 0, 0, 0x91, 0xc4, 32, 1, 2]],
  ])('are refused with %s', (_case, head) => {
    expect(() => decodeRecordBases(Uint8Array.from(head))).toThrowError(expect.objectContaining({ code: 'corrupt' }));
  });
});
