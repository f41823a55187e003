import { spawnSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { addFiles } from '../../src/repo/add-files.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { collectGarbage } from '../../src/repo/collect-garbage.ts';
import { resetStaging } from '../../src/repo/reset-staging.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, type Model, moveModel, openIn, randomMatrix, saveFiles, writeModel } from './workspace.ts';

const temporary = temporaryFolders();

/** Three checkpoints of a run that are committed, and one of another run that was added and taken back. */
async function makeRepository(): Promise<string> {
  const folder = await temporary();
  await createIn(folder);
  let model: Model = { 'fc.weight': randomMatrix(120, 80, 1) };
  for (let i = 0; i < 3; i++) {
    await saveFiles(folder, [await writeModel(folder, `step-${i}.safetensors`, model)]);
    model = moveModel(model, 10 + i);
  }
  const other = await writeModel(folder, 'other.safetensors', { 'fc.weight': randomMatrix(120, 80, 9) });
  await finish(addFiles(await openIn(folder), [other]));
  return folder;
}

const packsOf = (folder: string) => readdir(path.join(folder, '.wsvc/blobs/packs'));

async function expectProven(folder: string, files: number): Promise<void> {
  const { findings, proof } = await finish(checkRepository(await openIn(folder), { prove: true }));
  expect(findings).toEqual([]);
  expect(proof).toMatchObject({ files, differingBytes: 0 });
}

describe('collectGarbage', () => {
  it('keeps what is staged, and drops it when it was taken back', async () => {
    const folder = await makeRepository();
    const staged = await finish(collectGarbage(await openIn(folder), { now: true }));
    expect(staged.dropped.blobs).toBe(0);
    await finish(resetStaging(await openIn(folder), { paths: ['other.safetensors'] }));
    const result = await finish(collectGarbage(await openIn(folder), { now: true }));
    expect(result.dropped.blobs).toBeGreaterThan(0);
    expect(result.bytesAfter).toBeLessThan(result.bytesBefore - 20_000);
    await expectProven(folder, 3);
    expect((await finish(collectGarbage(await openIn(folder), { now: true }))).copied.packs).toBe(0);
  });

  it('tells exactly what it would do, and does nothing, when asked to', async () => {
    const folder = await makeRepository();
    await finish(resetStaging(await openIn(folder), { paths: ['other.safetensors'] }));
    const before = await packsOf(folder);
    const dry = await finish(collectGarbage(await openIn(folder), { now: true, dryRun: true }));
    expect(await packsOf(folder)).toEqual(before);
    const done = await finish(collectGarbage(await openIn(folder), { now: true }));
    expect(done.dropped.blobs).toBeGreaterThan(0);
    expect({ ...dry, dryRun: false }).toEqual(done);
  });

  it('packs many loose objects and small packs of git, which stock git reads', async () => {
    const folder = await makeRepository();
    const gitDirectory = path.join(folder, '.wsvc');
    const git = (...args: readonly string[]) => {
      const run = spawnSync('git', ['--git-dir', gitDirectory, ...args], { encoding: 'utf8' });
      if (run.status !== 0) throw new Error(run.stderr);
      return run.stdout;
    };
    const [branch] = await (await openIn(folder)).history.listBranches();
    for (let i = 0; i < 60; i++) {
      const object = path.join(folder, 'object');
      await writeFile(object, `loose ${i}`);
      git('hash-object', '-w', object);
    }
    const log = git('log', '--all', '--format=%H %T');
    const options = { now: true };
    const dry = await finish(collectGarbage(await openIn(folder), { ...options, dryRun: true }));
    expect(dry.git.objects).toBeGreaterThan(59);
    expect(dry.git.packs).toBeGreaterThan(1);
    const { git: done } = await finish(collectGarbage(await openIn(folder), options));
    expect(done).toMatchObject(dry.git);
    expect(done.bytesAfter).toBeGreaterThan(0);
    const [names, objects] = [
      await readdir(path.join(gitDirectory, 'objects/pack')),
      await readdir(path.join(gitDirectory, 'objects')),
    ];
    expect([names.length, objects.filter((name) => name.length === 2)]).toEqual([2, []]);
    git('fsck', '--strict');
    expect(git('log', '--all', '--format=%H %T')).toBe(log);
    expect(git('count-objects', '-v')).toMatch(/^count: 0$/m);
    expect(await (await openIn(folder)).history.listBranches()).toEqual([branch]);
    await expectProven(folder, 4);
    expect((await finish(collectGarbage(await openIn(folder), options))).git.objects).toBe(0);
  });

  it('tells of what a killed command left half written, and takes it away when told to', async () => {
    const folder = await makeRepository();
    const left = path.join(folder, '.wsvc/tmp', '99999999-0.tmp');
    const living = path.join(folder, '.wsvc/tmp', `${process.ppid}-0.tmp`);
    for (const file of [left, living]) await writeFile(file, Buffer.alloc(5000));
    const collect = async (options: { readonly now?: boolean; readonly dryRun?: boolean }) =>
      (await finish(collectGarbage(await openIn(folder), options))).halfWritten;
    expect(await collect({ dryRun: true })).toEqual({ files: 1, bytes: 5000 });
    expect(await collect({})).toEqual({ files: 1, bytes: 5000 });
    expect(await collect({ now: true })).toEqual({ files: 1, bytes: 5000 });
    expect(await readdir(path.join(folder, '.wsvc/tmp'))).toEqual([path.basename(living)]);
  });

  it('removes nothing where the branch that HEAD names was lost', async () => {
    const folder = await makeRepository();
    const { history } = await openIn(folder);
    const [branch] = await history.listBranches();
    if (branch) await history.writeTag('kept', branch.commit);
    await rm(path.join(folder, '.wsvc/refs/heads'), { recursive: true });
    await rm(path.join(folder, '.wsvc/packed-refs'), { force: true });
    const before = await packsOf(folder);
    await expect(finish(collectGarbage(await openIn(folder), { now: true }))).rejects.toMatchObject({
      code: 'corrupt',
    });
    expect(await packsOf(folder)).toEqual(before);
    const { findings } = await finish(checkRepository(await openIn(folder)));
    expect(findings.map(({ object }) => object)).toContain('refs/heads/run-1');
  });

  it('leaves an hour of grace', async () => {
    const folder = await makeRepository();
    await finish(resetStaging(await openIn(folder), { paths: ['other.safetensors'] }));
    const before = await packsOf(folder);
    const result = await finish(collectGarbage(await openIn(folder)));
    expect(result).toMatchObject({ young: before.length, dropped: { blobs: 0 } });
    expect(await packsOf(folder)).toEqual(before);
  });

  it('runs alone, but looks beside another', async () => {
    const folder = await makeRepository();
    await using _lock = await acquireLock(path.join(folder, '.wsvc'), { purpose: 'a test' });
    await expect(finish(collectGarbage(await openIn(folder)))).rejects.toMatchObject({ code: 'locked' });
    expect(await finish(collectGarbage(await openIn(folder), { dryRun: true }))).toMatchObject({ dryRun: true });
  });

  it('removes nothing when a checkpoint of the history cannot be read', async () => {
    const folder = await makeRepository();
    const [name = ''] = await packsOf(folder);
    const { truncate } = await import('node:fs/promises');
    await truncate(path.join(folder, '.wsvc/blobs/packs', name), 100);
    await expect(finish(collectGarbage(await openIn(folder), { now: true }))).rejects.toMatchObject({
      code: 'corrupt',
    });
    expect(await packsOf(folder)).toContain(name);
  });

  it('finds better bases for what arrived out of order', async () => {
    const folder = await temporary();
    await createIn(folder);
    const models: Model[] = [{ 'fc.weight': randomMatrix(200, 120, 1) }];
    for (let i = 0; i < 5; i++) models.push(moveModel(models.at(-1) ?? {}, 20 + i, 2e-4));
    for (const i of [0, 5, 2, 4, 1, 3]) {
      await saveFiles(folder, [await writeModel(folder, `step-${i}.safetensors`, models[i] ?? {})]);
    }
    const plain = await finish(collectGarbage(await openIn(folder), { now: true }));
    const packs = await packsOf(folder);
    const options = { now: true, aggressive: true };
    const dry = await finish(collectGarbage(await openIn(folder), { ...options, dryRun: true }));
    expect(await packsOf(folder)).toEqual(packs);
    const result = await finish(collectGarbage(await openIn(folder), options));
    expect(result.bytesAfter).toBeLessThan(plain.bytesAfter);
    // The plan is shown before: what the weights take now, and within a tenth what they take then.
    expect(dry.recoded).toEqual(result.recoded);
    expect(dry.recoded).toMatchObject({ checkpoints: 6, alone: 1 });
    expect(dry.recoded?.bytesAfter).toBeGreaterThan(result.bytesAfter * 0.9);
    expect(dry.recoded?.bytesAfter).toBeLessThan(result.bytesAfter * 1.1);
    const again = await finish(collectGarbage(await openIn(folder), options));
    expect(again.bytesAfter).toBe(result.bytesAfter);
    await expectProven(folder, 6);
    console.log(`aggressive: ${plain.bytesAfter} bytes become ${result.bytesAfter}`);
  });
});
