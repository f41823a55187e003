import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BlobId } from '../../src/objects/ids.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { repairRepository } from '../../src/repo/repair-repository.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, type Model, moveModel, openIn, randomMatrix, saveFiles, writeModel } from './workspace.ts';

const temporary = temporaryFolders();

/** Three steps of a run, each coded against the one before. */
async function makeRepository(): Promise<{ folder: string; files: string[] }> {
  const folder = await temporary();
  await createIn(folder);
  let model: Model = { 'a.weight': randomMatrix(120, 80, 1), 'b.weight': randomMatrix(40, 50, 2) };
  const files: string[] = [];
  for (let i = 0; i < 3; i++) {
    files.push(await writeModel(folder, `step-${i}.safetensors`, model));
    await saveFiles(folder, files.slice(-1));
    model = moveModel(model, 10 + i, 1e-5);
  }
  return { folder, files };
}

const packsOf = async (folder: string): Promise<string[]> => {
  const packs = path.join(folder, '.wsvc/blobs/packs');
  return (await readdir(packs)).map((name) => path.join(packs, name));
};

/** Flips a bit of the record of the first blob that is (or is not) coded against another. */
async function damageRecord(folder: string, which: 'base' | 'delta'): Promise<BlobId> {
  const { blobs } = await openIn(folder);
  for (const pack of blobs.packs.packs()) {
    const row = pack.index.rows.find(
      ({ ancestors, byteLength }) => byteLength > 5000 && ancestors > 0 === (which === 'delta'),
    );
    if (row === undefined) continue;
    const bytes = await readFile(pack.path);
    const at = row.offset + row.recordByteLength - 9;
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    await writeFile(pack.path, bytes);
    return row.id;
  }
  throw new Error('there is one');
}

async function expectClean(folder: string): Promise<void> {
  const { findings, proof } = await finish(checkRepository(await openIn(folder), { prove: true }));
  expect(findings).toEqual([]);
  expect(proof).toMatchObject({ files: 3, differingBytes: 0 });
}

describe('repairRepository', () => {
  it.each(['base', 'delta'] as const)(
    'puts back a damaged %s from the file in the work tree',
    async (which) => {
      const { folder } = await makeRepository();
      const blob = await damageRecord(folder, which);
      expect((await finish(checkRepository(await openIn(folder)))).findings.length).toBeGreaterThan(0);
      const { findings, repair } = await finish(repairRepository(await openIn(folder), { prove: true }));
      expect(repair.recovered.map((one) => one.blob)).toContain(blob);
      expect(repair.rewrittenPacks).toBeGreaterThan(0);
      expect(findings).toEqual([]);
      await expectClean(folder);
    },
    60_000,
  );

  it('makes manifests anew and sets aside a pack that cannot be read', async () => {
    const { folder } = await makeRepository();
    for (const pack of await packsOf(folder)) await truncate(pack, 5000);
    const { findings, repair } = await finish(repairRepository(await openIn(folder)));
    expect(repair.unrecovered).toEqual([]);
    expect(repair.setAside).toHaveLength(3);
    expect(findings).toEqual([]);
    expect((await packsOf(folder)).filter((name) => name.endsWith('.damaged'))).toHaveLength(3);
    await expectClean(folder);
  }, 60_000);

  it('says what it could not recover, and takes nothing away', async () => {
    const { folder, files } = await makeRepository();
    const before = await packsOf(folder);
    const blob = await damageRecord(folder, 'base');
    for (const file of files) await rm(file);
    const { findings, repair } = await finish(repairRepository(await openIn(folder)));
    expect(repair.unrecovered).toContain(blob);
    expect(repair).toMatchObject({ recovered: [], rewrittenPacks: 0, setAside: [] });
    expect(findings.length).toBeGreaterThan(0);
    expect(await packsOf(folder)).toEqual(before);
  }, 60_000);

  it('does nothing to a repository that is whole', async () => {
    const { folder } = await makeRepository();
    const before = await packsOf(folder);
    const { repair } = await finish(repairRepository(await openIn(folder)));
    const nothing = { remade: [], refs: [], recovered: [], recoveredGit: [], setAside: [], unrecovered: [] };
    expect(repair).toEqual({ ...nothing, rewrittenPacks: 0 });
    expect(await packsOf(folder)).toEqual(before);
  }, 60_000);
});
