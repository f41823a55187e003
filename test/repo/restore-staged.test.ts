import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AddResult, RestoreResult, StatusResult } from '../../src/repo/results.ts';
import { trainRun, writeNet } from '../commands/models.ts';
import { askWsvc, refuseWsvc, runWsvc } from '../commands/program.ts';
import { temporaryFolders } from '../store/temporary.ts';

const temporary = temporaryFolders();

/** Four checkpoints of a run in `run/`, committed. */
async function runOfFour(): Promise<string> {
  const folder = await temporary();
  await askWsvc(folder, 'init');
  await mkdir(join(folder, 'run'));
  for (const [index, net] of trainRun(12, 3).entries()) await writeNet(folder, `run/${index}.safetensors`, net);
  await askWsvc(folder, 'import', 'run');
  return folder;
}

const packsOf = async (folder: string): Promise<Set<string>> =>
  new Set(await readdir(join(folder, '.wsvc/blobs/packs')));

describe('restore', () => {
  it('gives what is staged, else what is committed, and status tells what is missing', async () => {
    const folder = await runOfFour();
    const at = (name: string) => join(folder, 'run', name);
    const committed = await readFile(at('1.safetensors'));
    await writeFile(at('1.safetensors'), 'another content');
    await writeFile(at('new.pt'), 'a new file');
    await askWsvc(folder, 'add', 'run/1.safetensors', 'run/new.pt');
    await rm(at('1.safetensors'));
    await rm(at('new.pt'));
    expect((await askWsvc<StatusResult>(folder, 'status')).missing).toEqual(['run/1.safetensors', 'run/new.pt']);
    await askWsvc(folder, 'restore', 'run/1.safetensors');
    expect(await readFile(at('1.safetensors'), 'utf8')).toBe('another content');
    await askWsvc(folder, 'restore', 'run');
    expect(await readFile(at('new.pt'), 'utf8')).toBe('a new file');
    await askWsvc(folder, 'restore', 'HEAD:run/1.safetensors', '-o', 'old.safetensors');
    expect(await readFile(join(folder, 'old.safetensors'))).toEqual(committed);
  });

  it('goes on at a damaged checkpoint, names it and says so by its exit code', async () => {
    const folder = await runOfFour();
    const before = await packsOf(folder);
    await writeFile(join(folder, 'run/lost.pt'), 'what the disk will lose');
    await askWsvc(folder, 'add', 'run/lost.pt');
    await askWsvc(folder, 'commit');
    for (const name of await packsOf(folder)) if (!before.has(name)) await rm(join(folder, '.wsvc/blobs/packs', name));
    const files = await readdir(join(folder, 'run'));
    await rm(join(folder, 'run'), { recursive: true });
    const ended = await runWsvc(folder, 'restore', '.', '--json');
    expect(ended.status).toBe(12);
    const result = JSON.parse(ended.stdout) as RestoreResult;
    expect(result.failed).toMatchObject([{ path: 'run/lost.pt' }]);
    expect((await readdir(join(folder, 'run'))).sort()).toEqual(files.filter((name) => name !== 'lost.pt'));
    expect(await refuseWsvc(folder, 'restore', 'run/lost.pt')).toMatchObject({ status: 12, code: 'corrupt' });
  });
});

describe('names that cannot be stored', () => {
  it('are passed over and named, and the others are taken in', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    for (const [index, net] of trainRun(13, 2).entries()) await writeNet(folder, `${index}.safetensors`, net);
    const bytes = await readFile(join(folder, '0.safetensors'));
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x6d, 0xff]), Buffer.from('.pt')]), bytes);
    await writeFile(join(folder, 'two\nlines.pt'), bytes);
    const status = await askWsvc<StatusResult>(folder, 'status');
    expect(status.untracked).toHaveLength(3);
    expect(status.skipped?.map(({ path }) => path)).toEqual(expect.arrayContaining(['two\nlines.pt', 'm\ufffd.pt']));
    const added = await runWsvc(folder, 'add', '.', '--json');
    expect(added.status).toBe(14);
    const result = JSON.parse(added.stdout) as AddResult;
    expect([result.added.length, result.skipped?.length]).toEqual([3, 2]);
    await askWsvc(folder, 'reset');
    const imported = await runWsvc(folder, 'import', '.');
    expect(imported.status).toBe(14);
    expect(imported.stdout).toContain('two\\nlines.pt');
    expect((await askWsvc<StatusResult>(folder, 'status')).untracked).toEqual([]);
    expect(await refuseWsvc(folder, 'add', 'two\nlines.pt')).toMatchObject({ status: 2, code: 'usage' });
  });
});

describe('a folder that is a link', () => {
  it('is not changed through', async () => {
    const folder = await runOfFour();
    await askWsvc(folder, 'branch', 'old', 'HEAD~3');
    const elsewhere = await temporary();
    await rename(join(folder, 'run'), join(elsewhere, 'run'));
    await symlink(join(elsewhere, 'run'), join(folder, 'run'));
    const before = await readdir(join(elsewhere, 'run'));
    for (const args of [
      ['switch', 'old'],
      ['switch', '--force', 'old'],
      ['reset', '--hard', 'old'],
    ]) {
      const refusal = await refuseWsvc(folder, ...args);
      expect(refusal).toMatchObject({ status: 2, message: expect.stringContaining('beyond a symbolic link') });
    }
    await rm(join(elsewhere, 'run/1.safetensors'));
    expect(await refuseWsvc(folder, 'restore', 'run/1.safetensors')).toMatchObject({ code: 'usage' });
    expect(await readdir(join(elsewhere, 'run'))).toEqual(before.filter((name) => name !== '1.safetensors'));
    expect(existsSync(join(folder, '.wsvc'))).toBe(true);
  });
});

describe('reindex', () => {
  it('leaves the derived data as it was when a checkpoint cannot be read', async () => {
    const folder = await runOfFour();
    const answer = await askWsvc(folder, 'log', '--trajectory');
    const derived = join(folder, '.wsvc/derived');
    const names = (await readdir(derived, { recursive: true })).sort();
    const packs = join(folder, '.wsvc/blobs/packs');
    const aside = await temporary();
    for (const name of await readdir(packs)) await rename(join(packs, name), join(aside, name));
    expect(await refuseWsvc(folder, 'reindex')).toMatchObject({ status: 12 });
    expect((await readdir(derived, { recursive: true })).sort()).toEqual(names);
    expect(await readdir(join(folder, '.wsvc'))).not.toContain('derived.new');
    expect(await askWsvc(folder, 'log', '--trajectory')).toEqual(answer);
    for (const name of await readdir(aside)) await rename(join(aside, name), join(packs, name));
    await askWsvc(folder, 'reindex');
    expect(await askWsvc(folder, 'log', '--trajectory')).toEqual(answer);
    expect(await askWsvc(folder, 'fsck')).toMatchObject({ findings: [] });
  });
});
