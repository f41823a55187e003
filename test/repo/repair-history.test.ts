import { spawnSync } from 'node:child_process';
import { cp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RepairResult } from '../../src/repo/repair-repository.ts';
import type { FsckResult, LogResult, StatusResult } from '../../src/repo/results.ts';
import { trainRun, writeNet } from '../commands/models.ts';
import { askWsvc, refuseWsvc, runWsvc } from '../commands/program.ts';
import { temporaryFolders } from '../store/temporary.ts';

const temporary = temporaryFolders();

function git(folder: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('git', ['--git-dir', join(folder, '.wsvc'), ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

const branchesOf = (folder: string): string =>
  git(folder, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads');

const flip = async (file: string, at: number, bit = 1): Promise<void> => {
  const bytes = await readFile(file);
  bytes[at] = (bytes[at] ?? 0) ^ bit;
  await writeFile(file, bytes);
};

/** Repairs, and expects a repository that is whole by wsvc's account and by git's. */
async function repair(folder: string): Promise<RepairResult['repair']> {
  const result = await askWsvc<RepairResult>(folder, 'fsck', '--repair', '--prove');
  expect(result).toMatchObject({ findings: [], isHistoryWhole: true, proof: { differingBytes: 0 } });
  git(folder, 'fsck', '--strict', '--no-dangling');
  return result.repair;
}

async function findingsOf(folder: string): Promise<FsckResult['findings']> {
  const ended = await runWsvc(folder, 'fsck', '--json');
  expect(ended.status).toBe(3);
  return (JSON.parse(ended.stdout) as FsckResult).findings;
}

/** Two runs of three, one of which HEAD is on, and a file that is staged. */
let original: string;
beforeAll(async () => {
  original = await temporary();
  await askWsvc(original, 'init');
  for (const [run, seed] of [31, 32].entries()) {
    for (const [index, net] of trainRun(seed, 2).entries()) {
      await writeNet(original, `r${run}-${index}.safetensors`, net);
      await askWsvc(original, 'add', `r${run}-${index}.safetensors`);
      await askWsvc(original, 'commit');
    }
  }
  for (const net of trainRun(33, 0)) await writeNet(original, 'staged.safetensors', net);
  await askWsvc(original, 'add', 'staged.safetensors');
}, 120_000);

async function copy(): Promise<string> {
  const folder = await temporary();
  await cp(original, folder, { recursive: true });
  return folder;
}

describe('fsck, when refs are lost', () => {
  it('finds that all are gone, and repair makes them again', async () => {
    const folder = await copy();
    const before = branchesOf(folder);
    const commits = (await askWsvc<LogResult>(folder, 'log', '--all')).commits.length;
    await rm(join(folder, '.wsvc/refs'), { recursive: true });
    await rm(join(folder, '.wsvc/packed-refs'), { force: true });
    expect(await refuseWsvc(folder, 'log')).toMatchObject({
      status: 12,
      suggestions: [expect.stringContaining('wsvc fsck --repair')],
    });
    expect(await refuseWsvc(folder, 'gc', '--now')).toMatchObject({ status: 12 });
    const findings = await findingsOf(folder);
    const told = findings.filter(({ object }) => object.startsWith('refs/heads/'));
    expect(told.flatMap((finding) => finding.commits)).toHaveLength(commits);
    const { refs } = await repair(folder);
    expect(refs.map(({ ref }) => ref).sort()).toEqual(before.split('\n').map((line) => line.split(' ')[0]));
    expect(branchesOf(folder)).toBe(before);
    expect((await askWsvc<StatusResult>(folder, 'status')).staged).toHaveLength(1);
  });

  it.each([
    ['one digit is another', (text: string) => `${text[0] === '0' ? '1' : '0'}${text.slice(1)}`],
    ['a byte is no digit', (text: string) => `${text.slice(0, 9)}\u0001${text.slice(10)}`],
    ['it ends early', (text: string) => text.slice(0, 17)],
    ['it is empty', () => ''],
  ])('puts a branch back where it stood when %s', async (_how, damage) => {
    const folder = await copy();
    const before = branchesOf(folder);
    const [name = ''] = (before.split('\n').at(-1) ?? '').split(' ');
    const file = join(folder, '.wsvc', name);
    const text = await readFile(file, 'utf8');
    await writeFile(file, damage(text));
    expect(await findingsOf(folder)).toContainEqual(
      expect.objectContaining({ object: name, commits: expect.arrayContaining([text.trim()]) }),
    );
    expect((await refuseWsvc(folder, 'add', 'staged.safetensors')).suggestions.join()).toContain('fsck --repair');
    const { refs } = await repair(folder);
    expect(refs).toMatchObject([{ ref: name, target: text.trim() }]);
    expect(branchesOf(folder)).toBe(before);
  });

  it('finds that all branches are gone also where a tag is left', async () => {
    const folder = await copy();
    const before = branchesOf(folder);
    await askWsvc(folder, 'tag', 'kept', 'run-2~1');
    await rm(join(folder, '.wsvc/refs/heads'), { recursive: true });
    await rm(join(folder, '.wsvc/packed-refs'), { force: true });
    expect(await refuseWsvc(folder, 'gc', '--now')).toMatchObject({ status: 12 });
    expect((await repair(folder)).refs).toHaveLength(2);
    expect(branchesOf(folder)).toBe(before);
  }, 60_000);

  it('puts HEAD back', async () => {
    for (const text of ['ref: refs/heads/xun-1\n', 'nonsense\n', undefined]) {
      const folder = await copy();
      const head = join(folder, '.wsvc/HEAD');
      const before = await readFile(head, 'utf8');
      if (text === undefined) await rm(head);
      else await writeFile(head, text);
      expect((await findingsOf(folder)).some(({ object }) => /HEAD|xun-1/.test(object))).toBe(true);
      const { refs } = await repair(folder);
      expect(refs.some(({ ref }) => ref === 'HEAD')).toBe(true);
      if (text === 'ref: refs/heads/xun-1\n') continue;
      expect(before.length).toBe((await readFile(head, 'utf8')).length);
    }
  });
});

describe('fsck, when git files are damaged', () => {
  it('makes the staging area anew with what can be read of it', async () => {
    const folder = await copy();
    await flip(join(folder, '.wsvc/index'), 20);
    expect(await findingsOf(folder)).toContainEqual(expect.objectContaining({ object: 'index' }));
    expect((await refuseWsvc(folder, 'status')).suggestions.join()).toContain('fsck --repair');
    const { remade } = await repair(folder);
    expect(remade).toMatchObject([{ file: 'index', how: expect.stringContaining('staged.safetensors') }]);
    expect((await askWsvc<StatusResult>(folder, 'status')).staged).toMatchObject([{ path: 'staged.safetensors' }]);
    await truncate(join(folder, '.wsvc/index'), 30);
    expect((await repair(folder)).remade).toMatchObject([{ file: 'index' }]);
    expect((await askWsvc<StatusResult>(folder, 'status')).staged).toEqual([]);
  });

  it.each(['flipped', 'gone'])('makes an index of a pack anew that is %s', async (how) => {
    const folder = await copy();
    git(folder, 'gc', '--quiet', '--prune=now');
    const packs = join(folder, '.wsvc/objects/pack');
    const index = (await readdir(packs)).find((name) => name.endsWith('.idx')) ?? '';
    if (how === 'gone') await rm(join(packs, index));
    else await flip(join(packs, index), 700);
    // Git's gc leaves a file of its own that names the packs' objects as well.
    for (const name of await readdir(packs)) if (/\.rev$/.test(name)) await rm(join(packs, name));
    await findingsOf(folder);
    const { remade } = await repair(folder);
    expect(remade).toMatchObject([{ file: `objects/pack/${index}` }]);
  });

  it('names an index of a pack whose number of objects is damaged', async () => {
    const folder = await copy();
    git(folder, 'gc', '--quiet', '--prune=now');
    const packs = join(folder, '.wsvc/objects/pack');
    const index = (await readdir(packs)).find((name) => name.endsWith('.idx')) ?? '';
    // The highest byte of the last entry of its table, which counts the objects.
    await flip(join(packs, index), 8 + 4 * 255, 64);
    expect((await findingsOf(folder)).map(({ object }) => object)).toContain(`objects/pack/${index}`);
    for (const args of [['log'], ['merge-base', 'HEAD', 'HEAD'], ['show', 'abcdef']])
      expect((await runWsvc(folder, ...args)).status).toBeOneOf([0, 2, 12]);
    await repair(folder);
  });

  it('keeps what a damaged pack of git still holds, and asks a copy for the rest', async () => {
    const folder = await copy();
    const backup = await copy();
    git(folder, 'gc', '--quiet', '--prune=now');
    const packs = join(folder, '.wsvc/objects/pack');
    const pack = (await readdir(packs)).find((name) => name.endsWith('.pack')) ?? '';
    await flip(join(packs, pack), 400);
    await findingsOf(folder);
    const ended = await runWsvc(folder, 'fsck', '--repair', '--from', backup);
    expect(ended).toMatchObject({ status: 0 });
    await repair(folder);
  });

  it('makes config and format anew, and keeps settings of the user', async () => {
    const folder = await copy();
    git(folder, 'config', 'remote.origin.url', 'https://example.org/models.git');
    const config = join(folder, '.wsvc/config');
    await flip(config, (await readFile(config, 'latin1')).indexOf('bare'));
    await writeFile(join(folder, '.wsvc/format'), '\u0011\n');
    expect((await refuseWsvc(folder, 'log')).suggestions.join()).toContain('fsck --repair');
    expect((await findingsOf(folder)).map(({ object }) => object)).toEqual(
      expect.arrayContaining(['config', 'format']),
    );
    expect((await repair(folder)).remade.map(({ file }) => file)).toEqual(['format', 'config']);
    expect(git(folder, 'config', 'remote.origin.url')).toBe('https://example.org/models.git');
    await rm(config);
    await rm(join(folder, '.wsvc/format'));
    await findingsOf(folder);
    expect((await repair(folder)).remade.map(({ file }) => file)).toEqual(['format', 'config']);
  });
});

it('says of nothing that no commit needs it where the history cannot be read', async () => {
  const folder = await copy();
  const packs = join(folder, '.wsvc/blobs/packs');
  for (const name of await readdir(packs)) await rename(join(packs, name), join(packs, `${name}.away`));
  await rm(join(folder, '.wsvc/objects'), { recursive: true });
  const { status, stdout } = await runWsvc(folder, 'fsck');
  expect(status).toBe(3);
  expect(stdout).not.toContain('no commit needs it');
  expect(stdout).toContain('is not known');
});
