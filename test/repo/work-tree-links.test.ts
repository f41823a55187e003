import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addFiles } from '../../src/repo/add-files.ts';
import { convertCheckpoint } from '../../src/repo/convert-checkpoint.ts';
import { createBranch } from '../../src/repo/refs.ts';
import { replaceFile } from '../../src/repo/replace-file.ts';
import { resetStaging } from '../../src/repo/reset-staging.ts';
import { restoreFiles } from '../../src/repo/restore-files.ts';
import { switchBranch } from '../../src/repo/switch-branch.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, type Model, moveModel, openIn, randomMatrix, saveFiles, writeModel } from './workspace.ts';

const temporary = temporaryFolders();
const ELSEWHERE = 'kept by somebody else';

/** Two commits of `run/a.safetensors`; the branch `old` is at the first, HEAD at the second. */
async function makeRepository(): Promise<{ folder: string; file: string; first: Buffer; second: Buffer }> {
  const folder = await temporary();
  await createIn(folder);
  const model: Model = { 'fc.weight': randomMatrix(20, 30, 1) };
  const file = await writeModel(folder, 'run/a.safetensors', model);
  const first = await readFile(file);
  await saveFiles(folder, [file]);
  await createBranch(await openIn(folder), 'old');
  await writeModel(folder, 'run/a.safetensors', moveModel(model, 5));
  await saveFiles(folder, [file]);
  return { folder, file, first, second: await readFile(file) };
}

const restore = async (folder: string, force = false) =>
  finish(restoreFiles(await openIn(folder), ['old:run/a.safetensors'], { force }));
const WAYS = {
  restore,
  'restore --force': (folder) => restore(folder, true),
  switch: async (folder) => finish(switchBranch(await openIn(folder), 'old')),
  'switch --force': async (folder) => finish(switchBranch(await openIn(folder), 'old', { force: true })),
  'reset --hard --force': async (folder) =>
    finish(resetStaging(await openIn(folder), { revision: 'old', hard: true, force: true })),
} as const satisfies Record<string, (folder: string) => Promise<unknown>>;
const ways = Object.entries(WAYS);

describe('a link where a file belongs', () => {
  it.each(ways)('is replaced by %s, and what it leads to is as it was', async (_name, change) => {
    const { folder, file, first, second } = await makeRepository();
    const elsewhere = join(await temporary(), 'other.safetensors');
    await rename(file, elsewhere);
    await symlink(elsewhere, file);
    await change(folder);
    expect((await lstat(file)).isSymbolicLink()).toBe(false);
    expect(await readFile(file)).toEqual(first);
    expect(await readFile(elsewhere)).toEqual(second);
  });

  it.each(ways)('that leads nowhere is replaced by %s, and nothing appears there', async (_name, change) => {
    const { folder, file, first } = await makeRepository();
    const elsewhere = await temporary();
    await rm(file);
    await symlink(join(elsewhere, 'nothing'), file);
    await change(folder);
    expect(await readFile(file)).toEqual(first);
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('is not followed to what is saved nowhere', async () => {
    const { folder, file } = await makeRepository();
    const elsewhere = join(await temporary(), 'precious');
    await writeFile(elsewhere, ELSEWHERE);
    await rm(file);
    await symlink(elsewhere, file);
    for (const change of [WAYS.restore, WAYS.switch])
      await expect(change(folder)).rejects.toMatchObject({ code: 'not-saved' });
    expect(await readFile(elsewhere, 'utf8')).toBe(ELSEWHERE);
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
  });
});

describe('a link where a folder belongs', () => {
  it.each([...ways, ['restore --format', convert] as const])('stops %s', async (_name, change) => {
    const { folder } = await makeRepository();
    const elsewhere = await temporary();
    await rm(join(folder, 'run'), { recursive: true });
    await symlink(elsewhere, join(folder, 'run'));
    await expect(change(folder)).rejects.toMatchObject({ code: 'usage' });
    expect(await readdir(elsewhere)).toEqual([]);
  });
});

async function convert(folder: string): Promise<unknown> {
  return finish(convertCheckpoint(await openIn(folder), 'old:run/a.safetensors', { format: 'npz' }));
}

describe('replaceFile', () => {
  it('does not write through a link that stands under its temporary name', async () => {
    const folder = await temporary();
    const [target, elsewhere] = [join(folder, 'a.bin'), join(folder, 'elsewhere')];
    await writeFile(elsewhere, ELSEWHERE);
    let temporaryName = '';
    await replaceFile(target, async () => {
      temporaryName = (await readdir(folder)).find((name) => name.startsWith('.wsvc-')) ?? '';
    });
    expect(temporaryName).not.toBe('');
    await symlink(elsewhere, join(folder, temporaryName));
    await replaceFile(target, (put) => put(Buffer.from('new')));
    expect([await readFile(target, 'utf8'), await readFile(elsewhere, 'utf8')]).toEqual(['new', ELSEWHERE]);
  });

  it('leaves the target as it was when the writing fails, and nothing beside it', async () => {
    const folder = await temporary();
    const target = join(folder, 'sub', 'a.bin');
    await mkdir(join(folder, 'sub'));
    await writeFile(target, 'old');
    const failing = replaceFile(target, async (put) => {
      await put(Buffer.from('half'));
      throw new Error('made up');
    });
    await expect(failing).rejects.toThrow('made up');
    expect(await readFile(target, 'utf8')).toBe('old');
    expect(await readdir(join(folder, 'sub'))).toEqual(['a.bin']);
  });
});

it('what cannot be added is told apart: a link that leads nowhere, a name that is no UTF-8, no file', async () => {
  const folder = await temporary();
  await createIn(folder);
  await symlink('nothing', join(folder, 'lost.pt'));
  const add = async (name: string) => finish(addFiles(await openIn(folder), [join(folder, name)]));
  await expect(add('lost.pt')).rejects.toThrow(/lost\.pt is a link to a file that is not there\.$/);
  await expect(add('bad\uFFFD.pt')).rejects.toThrow(/its name may not be UTF-8, rename it first\.$/);
  await expect(add('none.pt')).rejects.toThrow(/^There is no file .*none\.pt\.$/);
});
