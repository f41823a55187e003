import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeBombs } from '../fuzz/bombs.ts';
import { safetensorsBytes } from '../fuzz/seeds/bytes.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { askWsvc, runWsvc } from './program.ts';

const temporary = temporaryFolders();
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal.
const RAW = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

const owned = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e';
const tensor = (dtype: string) => ({ dtype, shape: [2], data_offsets: [0, 8] });

/** Bombs that break a rule, and names that would draw on the terminal. */
const HOSTILE: Readonly<Record<string, Uint8Array>> = {
  ...Object.fromEntries(
    makeBombs()
      .filter(({ rule, name }) => rule !== undefined && /a million brackets|itself|thousand times/.test(name))
      .map(({ files }, i): [string, Uint8Array] => [
        `bomb-${i}-${Object.keys(files)[0]}`,
        Object.values(files)[0] ?? new Uint8Array(0),
      ]),
  ),
  'type.safetensors': safetensorsBytes({ [owned]: tensor(owned) }, 8),
  'cut.safetensors': safetensorsBytes({ w: tensor('F32') }, 3),
};
/** Valid, but for whom its names are meant. */
const VALID = 'names.safetensors';

describe('hostile files through the program', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporary();
    await mkdir(folder, { recursive: true });
    for (const [name, bytes] of Object.entries(HOSTILE)) await writeFile(join(folder, name), bytes);
    await writeFile(
      join(folder, VALID),
      safetensorsBytes({ [`../../${owned}`]: tensor('F32'), '.w\n': tensor('F32') }, 8, true),
    );
    await askWsvc(folder, 'init');
  });

  it.each(Object.keys(HOSTILE))('%s: show, identify and diff name the rule, and exit with 14', async (name) => {
    for (const args of [
      ['show', name],
      ['identify', name],
      ['diff', name, VALID],
    ]) {
      const { status, stdout, stderr } = await runWsvc(folder, ...args);
      expect([args[0], status]).toEqual([args[0], 14]);
      expect(stderr).toMatch(/^error: Not a valid \S+ file: .{10,}/);
      expect([stdout, RAW.test(stderr)]).toEqual(['', false]);
    }
  });

  it('add keeps every byte, and says why no weights were read', async () => {
    const names = Object.keys(HOSTILE);
    const { status, stdout, stderr } = await runWsvc(folder, 'add', ...names, VALID);
    expect([status, stderr, RAW.test(stdout)]).toEqual([0, '', false]);
    expect(stdout.match(/no weights read|Not a valid/g)?.length).toBeGreaterThanOrEqual(names.length);
    await askWsvc(folder, 'commit', '-m', 'hostile');
    const all = [...names, VALID];
    const before = await Promise.all(all.map((name) => readFile(join(folder, name))));
    for (const name of all) await writeFile(join(folder, name), 'gone');
    expect((await runWsvc(folder, 'restore', '--force', ...all)).status).toBe(0);
    for (const [i, name] of all.entries()) expect(await readFile(join(folder, name)), name).toEqual(before[i]);
  });

  it('show escapes names on the terminal, and gives them whole to scripts', async () => {
    const { status, stdout } = await runWsvc(folder, 'show', VALID);
    expect([status, RAW.test(stdout)]).toEqual([0, false]);
    expect(stdout).toContain('\\u001b]0;owned\\u0007');
    expect(await askWsvc(folder, 'show', VALID)).toMatchObject({
      tensors: [{ name: `../../${owned}` }, { name: '.w\n' }],
    });
  });
});
