import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolders } from '../store/temporary.ts';
import { trainRun, writeNet } from './models.ts';
import { askWsvc, refuseWsvc } from './program.ts';

const temporary = temporaryFolders();
const LFS_POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d'.repeat(32)}\nsize 12345\n`;
/** A safetensors file without a tensor. */
const EMPTY = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d);

let folder: string;

beforeAll(async () => {
  folder = await temporary();
  const [net] = trainRun(1, 0);
  if (!net) throw new Error('no network');
  await writeNet(folder, 'model.safetensors', net);
  await mkdir(join(folder, 'some-folder'));
  await writeFile(join(folder, 'pointer.safetensors'), LFS_POINTER);
  await writeFile(join(folder, 'empty.safetensors'), EMPTY);
});

describe('names that are no model file', () => {
  it('tells a folder from nothing at all, with no repository to look into', async () => {
    for (const args of [['show'], ['diff', 'model.safetensors']]) {
      const inFolder = await refuseWsvc(folder, ...args, 'some-folder');
      expect(inFolder).toMatchObject({ status: 2, code: 'usage', message: 'some-folder is a folder.' });
      const nothing = await refuseWsvc(folder, ...args, 'nosuch');
      expect(nothing).toMatchObject({ status: 10, code: 'no-repository' });
      expect(nothing.message).toMatch(/^There is no file nosuch\. No wsvc repository in /);
    }
  });

  it('says what a pointer of Git LFS is', async () => {
    const refused = await refuseWsvc(folder, 'show', 'pointer.safetensors');
    expect(refused).toMatchObject({ status: 14, code: 'bad-file' });
    expect(refused.message).toContain('"git lfs pull" fetches the file');
  });

  it('claims nothing of files without weights but that they are the same', async () => {
    const same = await askWsvc(folder, 'diff', 'empty.safetensors', 'empty.safetensors');
    expect(same).toMatchObject({ relation: 'identical', known: true, pValue: 2 ** -256, tensors: [] });
    const other = await askWsvc(folder, 'diff', 'empty.safetensors', 'model.safetensors');
    expect(other).toMatchObject({ relation: 'unrelated', known: false, pValue: null });
    expect(other).toMatchObject({ notes: ['empty.safetensors holds no weights.'] });
  });
});

describe('restore -o', () => {
  it('writes into a folder under the own name, and anywhere under a new one', async () => {
    await askWsvc(folder, 'init');
    await askWsvc(folder, 'add', 'model.safetensors');
    await askWsvc(folder, 'commit');
    await askWsvc(folder, 'restore', 'model.safetensors', '-o', 'new-folder/');
    await askWsvc(folder, 'restore', 'model.safetensors', '-o', 'new-folder/again.safetensors');
    await askWsvc(folder, 'restore', 'model.safetensors', '--format', 'npz', '-o', 'new-folder');
    expect((await readdir(join(folder, 'new-folder'))).sort()).toEqual([
      'again.safetensors',
      'model.npz',
      'model.safetensors',
    ]);
    const [before, after] = await Promise.all(
      ['model.safetensors', 'new-folder/model.safetensors'].map((name) => readFile(join(folder, name))),
    );
    expect(after).toEqual(before);
  });
});
