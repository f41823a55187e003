import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completePath, expandHome } from '../../src/tui/complete-path.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wsvc-complete-'));
  await mkdir(path.join(folder, 'runs', 'deep'), { recursive: true });
  for (const name of ['model.pt', 'model.bin', '.hidden', 'runs/a.pt']) await writeFile(path.join(folder, name), '');
});
afterAll(() => rm(folder, { recursive: true }));

describe('completePath', () => {
  it.each<[string, string, readonly string[]]>([
    ['mo', 'model.', ['model.bin', 'model.pt']],
    ['model.p', 'model.pt', []],
    ['ru', 'runs/', []],
    ['runs/', 'runs/', ['a.pt', 'deep/']],
    ['runs/d', 'runs/deep/', []],
    ['', '', ['model.bin', 'model.pt', 'runs/']],
    ['.h', '.hidden', []],
    ['~/mo', '~/model.', ['model.bin', 'model.pt']],
    ['nothing', 'nothing', []],
    ['no/such/folder/x', 'no/such/folder/x', []],
  ])('completes %j to %j', async (text, completed, choices) => {
    expect(await completePath(text, folder, folder)).toEqual({ text: completed, choices });
  });

  it('completes absolute paths', async () => {
    expect(await completePath(`${folder}/ru`, '/', '/')).toEqual({ text: `${folder}/runs/`, choices: [] });
  });
});

describe('expandHome', () => {
  it.each([
    ['~', '/home/me'],
    ['~/a', '/home/me/a'],
    ['~a', '~a'],
    ['a/~', 'a/~'],
  ])('%s is %s', (text, expanded) => {
    expect(expandHome(text, '/home/me')).toBe(expanded);
  });
});
