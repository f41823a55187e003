import { cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { type RepairOptions, repairRepository } from '../../src/repo/repair-repository.ts';
import type { PackRow } from '../../src/store/pack-format.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, type Model, moveModel, openIn, randomMatrix, saveFiles, writeModel } from './workspace.ts';

const temporary = temporaryFolders();

/** Four steps of a run, each coded against the one before. */
async function makeTemplate(): Promise<{ template: string; files: readonly string[] }> {
  const folder = await temporary();
  await createIn(folder);
  let model: Model = { 'a.weight': randomMatrix(120, 80, 1), 'b.weight': randomMatrix(40, 50, 2) };
  const files: string[] = [];
  for (let i = 0; i < 4; i++) {
    files.push(await writeModel(folder, `step-${i}.safetensors`, model));
    await saveFiles(folder, files.slice(-1));
    model = moveModel(model, 10 + i, 1e-5);
  }
  return { template: folder, files: files.map((file) => path.basename(file)) };
}

let made: ReturnType<typeof makeTemplate> | undefined;

/** The repository without a file in the work tree, and a copy of everything. */
async function makeRepository(): Promise<{ folder: string; copy: string; files: readonly string[] }> {
  made ??= makeTemplate();
  const { template, files } = await made;
  const [folder, copy] = [await temporary(), await temporary()];
  for (const target of [folder, copy]) await cp(template, target, { recursive: true });
  for (const file of files) await rm(path.join(folder, file));
  return { folder, copy, files };
}

const repair = async (folder: string, options: RepairOptions = {}) =>
  finish(repairRepository(await openIn(folder), { prove: true, ...options }));

const packFolder = (folder: string): string => path.join(folder, '.wsvc/blobs/packs');
const packsOf = async (folder: string): Promise<readonly string[]> =>
  (await readdir(packFolder(folder)))
    .filter((name) => name.endsWith('.pack'))
    .map((name) => path.join(packFolder(folder), name));

async function packBytes(folder: string): Promise<number> {
  const sizes = await Promise.all((await packsOf(folder)).map(async (pack) => (await stat(pack)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What indices say of all blobs, but for where they are. */
async function rowsOf(folder: string): Promise<readonly Omit<PackRow, 'offset'>[]> {
  const rows = (await openIn(folder)).blobs.packs.packs().flatMap((pack) => pack.index.rows);
  return rows.map(({ offset: _, ...row }) => row).sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  const index = at < 0 ? bytes.byteLength + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 16;
  await writeFile(file, bytes);
}

async function expectClean(folder: string): Promise<void> {
  const { findings, proof } = await finish(checkRepository(await openIn(folder), { prove: true }));
  expect(findings).toEqual([]);
  expect(proof).toMatchObject({ files: 4, differingBytes: 0 });
}

describe('packs without a readable index', () => {
  it.each(['trailer', 'index', 'header and trailer', 'end cut off', 'name'])(
    'are read record by record: %s',
    async (what) => {
      const { folder } = await makeRepository();
      const before = await rowsOf(folder);
      for (const [n, pack] of (await packsOf(folder)).entries()) {
        if (what === 'name') await rename(pack, path.join(packFolder(folder), `${String(n).repeat(64)}.pack`));
        else if (what === 'end cut off') await truncate(pack, (await stat(pack)).size - 200);
        else await flip(pack, what === 'index' ? -70 : -40);
        if (what === 'header and trailer') await flip(pack, 2);
      }
      expect((await openIn(folder)).blobs.packs.packs()).toEqual([]);
      const { repair: done } = await repair(folder);
      expect(done).toMatchObject({ unrecovered: [], rewrittenPacks: 0 });
      expect(done.setAside).toHaveLength(4);
      expect(await rowsOf(folder)).toEqual(before);
      await expectClean(folder);
    },
    60_000,
  );

  it('give all but the records that are damaged too', async () => {
    const { folder, copy } = await makeRepository();
    const { blobs } = await openIn(folder);
    const [pack] = blobs.packs.packs().filter(({ index }) => index.rows.every(({ ancestors }) => ancestors === 0));
    const row = pack?.index.rows.find(({ byteLength }) => byteLength === 8000);
    if (pack === undefined || row === undefined) throw new Error('the first step has a small tensor');
    await flip(pack.path, row.offset + row.recordByteLength - 20);
    await flip(pack.path, -40);
    const { repair: done } = await repair(folder);
    expect(done.recovered).toHaveLength(pack.index.rows.length - 1);
    expect(done.unrecovered).toContain(row.id);
    // What is coded against it is lost with it, and nothing was taken away.
    expect(await packsOf(folder)).toHaveLength(5);
    const { repair: second } = await repair(folder, { from: [copy] });
    expect(second.unrecovered).toEqual([]);
    await expectClean(folder);
  }, 60_000);

  it('are looked through again when they were set aside', async () => {
    const { folder } = await makeRepository();
    for (const pack of await packsOf(folder)) await rename(pack, `${pack}.damaged`);
    expect((await repair(folder)).repair.unrecovered).toEqual([]);
    await expectClean(folder);
  }, 60_000);
});

describe('repair from elsewhere', () => {
  it.each(['folder', '.wsvc'])(
    'takes blobs from another repository (%s), coded as closely as they were',
    async (which) => {
      const { folder, copy } = await makeRepository();
      await rm(path.join(copy, 'step-0.safetensors'));
      const before = await packBytes(folder);
      for (const pack of await packsOf(folder)) await rm(pack);
      expect((await repair(folder)).repair.unrecovered).toHaveLength(4);
      const source = which === 'folder' ? copy : path.join(copy, '.wsvc');
      const { repair: done, findings } = await repair(folder, { from: [source] });
      expect([done.unrecovered, findings]).toEqual([[], []]);
      expect(new Set(done.recovered.map((one) => one.source))).toContain(path.join(copy, '.wsvc'));
      await expectClean(folder);
      expect(await packBytes(folder)).toBeLessThan(before * 1.1);
    },
    60_000,
  );

  it('takes content from copies of the files, whatever they are called', async () => {
    const { folder, copy, files } = await makeRepository();
    const backup = await temporary();
    await mkdir(path.join(backup, 'old'));
    for (const [n, name] of files.entries())
      await rename(path.join(copy, name), path.join(backup, 'old', `copy ${n}.bak`));
    for (const pack of await packsOf(folder)) await rm(pack);
    const { repair: done } = await repair(folder, { from: [backup] });
    expect(done.unrecovered).toEqual([]);
    expect(done.recovered[0]?.source).toMatch(/copy \d\.bak$/);
    await expectClean(folder);
  }, 60_000);

  it('makes the folders again where all blobs are gone with theirs', async () => {
    const { folder, copy } = await makeRepository();
    await rm(path.join(folder, '.wsvc/blobs'), { recursive: true });
    await rm(path.join(folder, '.wsvc/tmp'), { recursive: true });
    const { findings } = await repair(folder, { from: [copy] });
    expect(findings).toEqual([]);
    await expectClean(folder);
  });

  it('believes nothing that has another hash', async () => {
    const { folder, copy, files } = await makeRepository();
    for (const name of files) await flip(path.join(copy, name), -1);
    for (const pack of await packsOf(copy)) await flip(pack, 60);
    for (const pack of await packsOf(folder)) await rm(pack);
    const { repair: done } = await repair(folder, { from: [copy] });
    expect(done.unrecovered.length).toBeGreaterThan(0);
    const { blobs } = await openIn(folder);
    for await (const id of blobs.list()) await blobs.read(id);
  }, 60_000);

  it('brings back git objects too', async () => {
    const { folder, copy } = await makeRepository();
    await rm(path.join(folder, '.wsvc/objects'), { recursive: true });
    // What a ref names is the only key to a copy: it is not taken away.
    expect((await repair(folder)).findings).toContainEqual(expect.objectContaining({ object: 'refs/heads/run-1' }));
    const { repair: done, findings } = await repair(folder, { from: [copy] });
    expect(done.recoveredGit.length).toBeGreaterThanOrEqual(12);
    expect(findings).toEqual([]);
    await expectClean(folder);
  }, 60_000);

  it('refuses folders that are not there, and the repository itself', async () => {
    const { folder } = await makeRepository();
    await expect(repair(folder, { from: ['nowhere'] })).rejects.toMatchObject({ code: 'not-found' });
    await expect(repair(folder, { from: ['.'] })).rejects.toMatchObject({ code: 'usage' });
  }, 60_000);
});
