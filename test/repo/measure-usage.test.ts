import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { addFiles } from '../../src/repo/add-files.ts';
import { collectGarbage } from '../../src/repo/collect-garbage.ts';
import { measureUsage } from '../../src/repo/measure-usage.ts';
import { resetStaging } from '../../src/repo/reset-staging.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, openIn, randomMatrix, saveFiles, writeModel } from './workspace.ts';

const temporary = temporaryFolders();

describe('measureUsage', () => {
  it('counts every byte of the repository once', async () => {
    const folder = await temporary();
    await createIn(folder);
    const a = { 'fc.weight': randomMatrix(100, 80, 1) };
    const b = { 'fc.weight': randomMatrix(50, 60, 2), 'out.weight': randomMatrix(60, 30, 3) };
    await saveFiles(folder, [await writeModel(folder, 'a.safetensors', a)]);
    await saveFiles(folder, [await writeModel(folder, 'b.safetensors', b)]);
    const usage = await finish(measureUsage(await openIn(folder)));
    expect(usage.trajectories).toHaveLength(2);
    expect(usage.trajectories.map(({ checkpoints }) => checkpoints)).toEqual([1, 1]);
    expect(usage.unreachableBytes).toBe(0);
    expect(usage.onlyBasesBytes).toBe(0);
    const { storedBytes, envelopeBytes, historyBytes, derivedBytes, temporaryBytes, totalBytes } = usage;
    expect(storedBytes + envelopeBytes + historyBytes + derivedBytes + temporaryBytes).toBe(totalBytes);
    expect(usage.rawBytes).toBeGreaterThan(100 * 80 * 4 + 50 * 60 * 4 + 60 * 30 * 4);
    expect(storedBytes).toBeLessThan(usage.rawBytes);
  });

  it('does not take packs that a repair set aside for headers', async () => {
    const folder = await temporary();
    await createIn(folder);
    await saveFiles(folder, [await writeModel(folder, 'a.safetensors', { 'fc.weight': randomMatrix(30, 20, 1) })]);
    const before = await finish(measureUsage(await openIn(folder)));
    const aside = path.join(folder, '.wsvc/blobs/packs', `${'0'.repeat(64)}.pack.damaged`);
    await writeFile(aside, new Uint8Array(5000));
    const { envelopeBytes, setAsideBytes, totalBytes } = await finish(measureUsage(await openIn(folder)));
    expect({ envelopeBytes, setAsideBytes }).toEqual({ envelopeBytes: before.envelopeBytes, setAsideBytes: 5000 });
    expect(totalBytes).toBe(before.totalBytes + 5000);
  });

  it('says of the copies of one file that are added together what each adds', async () => {
    const folder = await temporary();
    await createIn(folder);
    const first = await writeModel(folder, 'a.safetensors', { 'fc.weight': randomMatrix(100, 80, 1) });
    const copies = ['b.safetensors', 'c.safetensors'].map((name) => path.join(folder, name));
    for (const copy of copies) await copyFile(first, copy);
    const { added } = await finish(addFiles(await openIn(folder), [first, ...copies]));
    expect(added.map(({ sameAs }) => sameAs)).toEqual([undefined, 'a.safetensors', 'a.safetensors']);
    const { storedBytes } = await finish(measureUsage(await openIn(folder)));
    expect(added.reduce((sum, one) => sum + one.storedBytes, 0)).toBe(storedBytes);
  });

  it('counts what two paths share once, and what nothing needs as what gc takes away', async () => {
    const folder = await temporary();
    await createIn(folder);
    const first = await writeModel(folder, 'a.safetensors', { 'fc.weight': randomMatrix(100, 80, 1) });
    await saveFiles(folder, [first]);
    const before = await finish(measureUsage(await openIn(folder)));
    await copyFile(first, path.join(folder, 'same.safetensors'));
    const other = await writeModel(folder, 'b.safetensors', { 'fc.weight': randomMatrix(100, 80, 2) });
    await finish(addFiles(await openIn(folder), [path.join(folder, 'same.safetensors'), other]));
    await finish(resetStaging(await openIn(folder), { paths: ['b.safetensors'] }));
    const usage = await finish(measureUsage(await openIn(folder)));
    expect(usage.storedBytes).toBe(before.storedBytes);
    expect(usage.unreachableBytes).toBeGreaterThan(20_000);
    const { dropped } = await finish(collectGarbage(await openIn(folder), { now: true, dryRun: true }));
    expect(dropped.bytes).toBe(usage.unreachableBytes);
  });
});
