import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { trainRun, writeNet } from '../commands/models.ts';
import { askWsvc, refuseWsvc, runWsvc } from '../commands/program.ts';
import { temporaryFolders } from '../store/temporary.ts';

const temporary = temporaryFolders();

interface Status {
  readonly branch: string | null;
  readonly staged: readonly { readonly path: string }[];
  readonly changed: readonly string[];
  readonly untracked: readonly string[];
  readonly missing: readonly string[];
  readonly saved: number;
}

/** A run of four checkpoints on one branch, and where that branch stands. */
async function runOfFour(): Promise<{ folder: string; branch: string }> {
  const folder = await temporary();
  await askWsvc(folder, 'init');
  await mkdir(join(folder, 'run'));
  for (const [index, net] of trainRun(11, 3).entries()) await writeNet(folder, `run/${index}.safetensors`, net);
  await askWsvc(folder, 'import', 'run');
  const { branch } = await askWsvc<Status>(folder, 'status');
  return { folder, branch: branch ?? '' };
}

describe('the work tree', () => {
  let folder: string;
  let branch: string;
  let first: Buffer;
  const at = (name: string) => join(folder, 'run', name);
  const unsaved = Buffer.from('what nobody has saved');
  beforeAll(async () => {
    ({ folder, branch } = await runOfFour());
    first = await readFile(at('0.safetensors'));
  });

  it('says of each file whether it is safe', async () => {
    expect(await askWsvc<Status>(folder, 'status')).toEqual({
      branch,
      staged: [],
      changed: [],
      untracked: [],
      missing: [],
      saved: 4,
      stored: [],
      pruned: [],
    });
    await writeFile(at('new.pt'), unsaved);
    await writeFile(at('copy.pt'), first);
    await writeFile(at('1.safetensors'), unsaved);
    await rm(at('2.safetensors'));
    await askWsvc(folder, 'add', 'run/new.pt');
    await writeFile(at('other.pt'), 'another');
    const status = await askWsvc<Status>(folder, 'status');
    expect(status).toMatchObject({
      changed: ['run/1.safetensors'],
      untracked: ['run/other.pt'],
      missing: ['run/2.safetensors'],
      saved: 3,
    });
    expect(status.staged.map(({ path }) => path)).toEqual(['run/new.pt']);
  });

  it('does not overwrite what is not saved: restore', async () => {
    expect(await refuseWsvc(folder, 'restore', 'run/1.safetensors')).toMatchObject({ status: 2, code: 'not-saved' });
    // Refused as a whole: the missing file did not come back either.
    expect(await refuseWsvc(folder, 'restore', 'run')).toMatchObject({ status: 2, code: 'not-saved' });
    expect(existsSync(at('2.safetensors'))).toBe(false);
    expect(await refuseWsvc(folder, 'restore', 'HEAD', '-o', 'run/other.pt')).toMatchObject({ code: 'not-saved' });
    expect(await readFile(at('1.safetensors'))).toEqual(unsaved);
  });

  it('does not overwrite what is not saved: switch and reset', async () => {
    await askWsvc(folder, 'branch', 'old', 'HEAD~3');
    await writeFile(at('3.safetensors'), unsaved);
    expect(await refuseWsvc(folder, 'switch', 'old')).toMatchObject({ status: 2, code: 'not-saved' });
    expect(await refuseWsvc(folder, 'reset', '--hard')).toMatchObject({ status: 2, code: 'not-saved' });
    const { staged, branch: still } = await askWsvc<Status>(folder, 'status');
    expect([staged.length, still]).toEqual([1, branch]);
    expect(await readFile(at('3.safetensors'))).toEqual(unsaved);
    expect(existsSync(at('2.safetensors'))).toBe(false);
  });

  it('takes what is saved anywhere for saved', async () => {
    await writeFile(at('1.safetensors'), first);
    await writeFile(at('3.safetensors'), first);
    await askWsvc(folder, 'reset');
    await askWsvc(folder, 'reset', '--hard');
    expect(await askWsvc<Status>(folder, 'status')).toMatchObject({ changed: [], missing: [], saved: 5 });
    expect(await askWsvc(folder, 'switch', 'old')).toMatchObject({ branch: 'old', restored: [] });
    expect((await readdir(join(folder, 'run'))).sort()).toEqual(['0.safetensors', 'copy.pt', 'new.pt', 'other.pt']);
    expect(await askWsvc(folder, 'switch', branch)).toMatchObject({ branch, removed: [] });
    expect(await readFile(at('3.safetensors'))).not.toEqual(first);
  });

  it('does not remove the last copy of what a reset would leave unreachable', async () => {
    expect(await refuseWsvc(folder, 'reset', '--hard', 'HEAD~1')).toMatchObject({ status: 2, code: 'not-saved' });
    expect(existsSync(at('3.safetensors'))).toBe(true);
    await askWsvc(folder, 'tag', 'keep');
    const { removed } = await askWsvc<{ removed: readonly string[] }>(folder, 'reset', '--hard', 'HEAD~1');
    expect(removed).toHaveLength(1);
    expect(await refuseWsvc(folder, 'branch', '-d', branch)).toMatchObject({ status: 2 });
    await askWsvc(folder, 'reset', '--hard', 'keep');
    expect(existsSync(at('3.safetensors'))).toBe(true);
  });

  it('gives up what is not saved by --force only', async () => {
    await writeFile(at('1.safetensors'), unsaved);
    await askWsvc(folder, 'restore', '--force', 'run/1.safetensors');
    expect(await readFile(at('1.safetensors'))).not.toEqual(unsaved);
  });

  it('keeps a file that stands where a folder must be', async () => {
    await rm(join(folder, 'run'), { recursive: true });
    await writeFile(join(folder, 'run'), unsaved);
    expect(await refuseWsvc(folder, 'restore', '.')).toMatchObject({ status: 2, code: 'not-saved' });
    expect(await readFile(join(folder, 'run'))).toEqual(unsaved);
    await rm(join(folder, 'run'));
    await askWsvc(folder, 'restore', '.');
    expect(await readdir(join(folder, 'run'))).toHaveLength(4);
  });

  it('may be asked from any folder inside it', async () => {
    const inside = join(folder, 'run');
    await rm(at('0.safetensors'));
    await rm(at('1.safetensors'));
    await askWsvc(inside, 'restore', '0.safetensors');
    await askWsvc('/', '-C', folder, 'restore', 'run/1.safetensors').catch(() =>
      askWsvc('/', 'restore', '-C', folder, 'run/1.safetensors'),
    );
    expect(await readFile(at('0.safetensors'))).toEqual(first);
    expect(await askWsvc<Status>(inside, 'status')).toMatchObject({ missing: [], changed: [] });
    const { path } = await askWsvc<{ path: string }>(inside, 'show', 'HEAD:./0.safetensors');
    expect(path).toBe('run/0.safetensors');
    await askWsvc(inside, 'add', at('0.safetensors'));
    expect(await askWsvc(inside, 'reset', '0.safetensors')).toMatchObject({ unstaged: ['run/0.safetensors'] });
  });
});

describe('HEAD', () => {
  it('follows where it stood on the branch or on none, and stays otherwise', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    const [a, b] = [trainRun(21, 2), trainRun(22, 1)];
    const add = async (name: string, net: (typeof a)[number] | undefined) => {
      if (net === undefined) throw new Error('no such state');
      await writeNet(folder, name, net);
      await askWsvc(folder, 'add', name);
      return askWsvc<{ head: { branch: string; moved: boolean }; commits: readonly { branch: string }[] }>(
        folder,
        'commit',
      );
    };
    const first = await add('a0.safetensors', a[0]);
    expect(first.head).toEqual({ branch: first.commits[0]?.branch, moved: true });
    expect((await add('a1.safetensors', a[1])).head).toEqual({ branch: first.head.branch, moved: true });
    const stranger = await add('b0.safetensors', b[0]);
    expect(stranger.head).toEqual({ branch: first.head.branch, moved: false });
    expect(stranger.commits[0]?.branch).not.toBe(first.head.branch);
  });
});

describe('adding', () => {
  it('twice changes nothing, before the commit and after', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    await writeNet(
      folder,
      'a.safetensors',
      trainRun(31, 0)[0] ?? { hidden: new Float32Array(), output: new Float32Array() },
    );
    const { added: once } = await askWsvc<{ added: readonly { storedBytes: number; manifest: string }[] }>(
      folder,
      'add',
      'a.safetensors',
    );
    const { added: twice } = await askWsvc<{ added: typeof once }>(folder, 'add', 'a.safetensors', 'a.safetensors');
    expect(once[0]?.storedBytes).toBeGreaterThan(0);
    expect(twice).toEqual([{ ...once[0], storedBytes: 0 }]);
    await askWsvc(folder, 'commit');
    await askWsvc(folder, 'add', 'a.safetensors');
    expect(await askWsvc(folder, 'commit')).toMatchObject({ commits: [] });
    expect(await askWsvc(folder, 'status')).toMatchObject({ staged: [] });
    expect(await askWsvc(folder, 'log', '--all')).toMatchObject({ commits: [{ paths: ['a.safetensors'] }] });
  });

  it('takes names as they are, and content under several names once', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    const names = [
      'with space.pt',
      '-dash.pt',
      '..two dots.pt',
      'é 中 🙂.pt',
      'a:b.pt',
      'quote\'".pt',
      '$(x).pt',
      '.hidden.pt',
    ];
    const net = trainRun(41, 0)[0];
    if (net === undefined) throw new Error('no state');
    for (const name of names) await writeNet(folder, name, net);
    await symlink('with space.pt', join(folder, 'link.pt'));
    const { added } = await askWsvc<{ added: readonly { path: string; storedBytes: number }[] }>(
      folder,
      'add',
      '--',
      ...names,
      'link.pt',
    );
    expect(added.map(({ path }) => path)).toEqual([...names, 'link.pt']);
    expect(added.filter(({ storedBytes }) => storedBytes > 0)).not.toEqual([]);
    await askWsvc(folder, 'commit');
    const bytes = await readFile(join(folder, '-dash.pt'));
    for (const name of names) await rm(join(folder, name));
    await askWsvc(folder, 'restore', '--', ...names);
    for (const name of names) expect(await readFile(join(folder, name))).toEqual(bytes);
    expect(await askWsvc(folder, 'show', 'HEAD:é 中 🙂.pt')).toMatchObject({ path: 'é 中 🙂.pt' });
  });

  it('refuses before it reads anything what no tree can hold', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    await writeFile(join(folder, 'good.pt'), 'good');
    await writeFile(join(folder, 'new\nline.pt'), 'bad');
    expect(await refuseWsvc(folder, 'add', 'good.pt', 'new\nline.pt')).toMatchObject({ status: 2, code: 'usage' });
    expect(await askWsvc<Status>(folder, 'status')).toMatchObject({ staged: [] });
  });

  it('takes empty files, files without tensors, and files that nobody may write', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    await writeFile(join(folder, 'empty.pt'), '');
    const header = '{}      ';
    const bytes = Buffer.alloc(8 + header.length);
    bytes.writeBigUInt64LE(BigInt(header.length));
    bytes.write(header, 8);
    await writeFile(join(folder, 'none.safetensors'), bytes, { mode: 0o444 });
    const { added } = await askWsvc<{ added: readonly { format: string }[] }>(folder, 'add', '.');
    expect(added).toMatchObject([
      { path: 'empty.pt', format: 'unknown', bytes: 0, tensors: 0 },
      { path: 'none.safetensors', format: 'safetensors', tensors: 0, parameters: 0 },
    ]);
    await askWsvc(folder, 'commit');
    await rm(join(folder, 'empty.pt'));
    await rm(join(folder, 'none.safetensors'));
    await askWsvc(folder, 'restore', '.');
    expect((await readFile(join(folder, 'empty.pt'))).byteLength).toBe(0);
    expect(await readFile(join(folder, 'none.safetensors'))).toEqual(bytes);
    expect((await runWsvc(folder, 'log', '--trajectory')).status).toBe(0);
  });
});
