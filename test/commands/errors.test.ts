import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { toWsvcError } from '../../src/cli/to-wsvc-error.ts';
import { WsvcError } from '../../src/errors.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { trainRun, writeNet } from './models.ts';
import { askWsvc, PROGRAM, refuseWsvc, runWsvc, startWsvc } from './program.ts';

const temporary = temporaryFolders();
const EXAMPLE = 'model.safetensors';

async function repositoryWith(count: number): Promise<string> {
  const folder = await temporary();
  await askWsvc(folder, 'init');
  const states = trainRun(1, count - 1);
  for (const [index, net] of states.entries()) await writeNet(folder, `${index}.safetensors`, net);
  await askWsvc(folder, 'import', '.');
  return folder;
}

async function onlyPack(folder: string): Promise<string> {
  const [name] = (await readdir(join(folder, '.wsvc', 'blobs', 'packs'))).filter((one) => !one.startsWith('.'));
  return join(folder, '.wsvc', 'blobs', 'packs', name ?? '');
}

describe('usage errors', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporary();
    await askWsvc(folder, 'init');
    await writeNet(folder, EXAMPLE, trainRun(1, 0)[0] ?? fail());
  });

  it.each([
    ['an unknown command', ['frobnicate']],
    ['an unknown flag', ['status', '--nope']],
    ['a missing argument', ['add']],
    ['one argument too many', ['merge-base', 'a', 'b', 'c']],
    ['a flag that needs a number', ['log', '-n', 'many']],
    ['a number that is too small', ['identify', EXAMPLE, '-k', '0']],
    ['a value that is no option', ['fsck', '--level', 'deep']],
    ['nothing staged', ['commit']],
    ['an unknown revision', ['show', 'nope']],
    ['a missing file', ['add', 'nope.pt']],
    ['a file outside', ['add', '/etc/hostname']],
    ['a file outside, by dots', ['add', '../../etc/hostname']],
    ['the repository itself', ['add', '.wsvc/config']],
    ['an unknown branch', ['switch', 'nope']],
    ['an unknown trajectory', ['log', '--trajectory', 'nope']],
    ['an unknown trajectory to watch', ['monitor', 'nope']],
    ['a name that git refuses', ['branch', 'a..b', 'HEAD']],
    ['an unknown format', ['restore', EXAMPLE, '--format', 'floppy']],
    ['an unknown object', ['cat-file', '0'.repeat(64)]],
    ['an empty revision', ['show', '']],
    ['a bare colon', ['show', ':']],
    ['a folder to identify', ['identify', '.wsvc']],
  ])('%s ends with 2', async (_name, args) => {
    const { status, code, message } = await refuseWsvc(folder, ...args);
    expect(status).toBe(2);
    expect(['usage', 'not-found']).toContain(code);
    expect(message).toMatch(/\S/);
  });

  it.each([
    ['a number that is too small', ['identify', EXAMPLE, '-k', '0'], '--candidates: expected an integer'],
    ['a flag that needs another', ['fsck', '--from', '.'], 'All of the following must be provided'],
    ['a folder', ['identify', '.wsvc'], '.wsvc is a folder.'],
  ])('%s is said in one sentence', async (_name, args, message) => {
    const refusal = await refuseWsvc(folder, ...args);
    expect(refusal.message.startsWith(message)).toBe(true);
    expect(refusal.message).not.toContain('\n');
  });

  it('says why no weights were read', async () => {
    await writeFile(join(folder, 'notes.bin'), 'no model');
    const { stdout } = await runWsvc(folder, 'add', 'notes.bin');
    expect(stdout).toContain('no weights read: It begins like no format that wsvc reads.');
  });

  it('is a sentence and a hint for people', async () => {
    const { status, stdout, stderr } = await runWsvc(folder, 'show', 'nope');
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      'error: There is no file nope. No commit, branch or tag is called "nope".\nhint: See "wsvc branch", "wsvc tag" and "wsvc log" for what there is.\n',
    );
  });

  it('shows a stack only where DEBUG asks for it', async () => {
    const child = startWsvc(folder, ['show', 'nope'], { DEBUG: '1' });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(stderr).toMatch(/\n\s+at /);
  });
});

function fail(): never {
  throw new Error('there is no state');
}

describe('a folder without a repository', () => {
  it.each([
    ['status'],
    ['add', 'x'],
    ['commit'],
    ['import', '.'],
    ['log'],
    ['identify', 'x'],
    ['lineage'],
    ['monitor'],
    ['restore', 'x'],
    ['fsck'],
    ['reindex'],
    ['branch'],
    ['tag'],
    ['switch', 'x'],
    ['reset'],
    ['merge-base', 'a', 'b'],
    ['cat-file', 'x'],
    ['show', 'x'],
  ])('%s ends with 10', async (...args) => {
    const folder = await temporary();
    expect(await refuseWsvc(folder, ...args)).toMatchObject({ status: 10, code: 'no-repository' });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a lock', () => {
  it('that another process holds ends writers with 11, readers go on', async () => {
    const folder = await repositoryWith(2);
    const lock = await acquireLock(join(folder, '.wsvc'), { purpose: 'wsvc import' });
    for (const args of [['add', '0.safetensors'], ['import', '.'], ['reset'], ['reindex'], ['switch', 'run-1']]) {
      const refusal = await refuseWsvc(folder, ...args);
      expect(refusal).toMatchObject({ status: 11, code: 'locked' });
      expect(refusal.message).toContain('wsvc import');
    }
    for (const args of [['status'], ['log'], ['fsck'], ['identify', '0.safetensors'], ['log', '--trajectory']]) {
      expect((await runWsvc(folder, ...args)).status).toBe(0);
    }
    await lock.release();
    expect((await runWsvc(folder, 'add', '0.safetensors')).status).toBe(0);
  });

  it('of a dead process holds nothing', async () => {
    const folder = await repositoryWith(1);
    const holder = fileURLToPath(new URL('../store/lock-holder.ts', import.meta.url));
    const script = `import { spawn } from 'node:child_process';
      const child = spawn(process.execPath, ['--import', 'tsx', ${JSON.stringify(holder)}, ${JSON.stringify(join(folder, '.wsvc'))}]);
      child.stdout.on('data', () => { child.kill('SIGKILL'); });`;
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    expect((await runWsvc(folder, 'add', '0.safetensors')).status).toBe(0);
  });
});

describe('a damaged repository', () => {
  async function expectRefused(folder: string): Promise<void> {
    await rename(join(folder, '0.safetensors'), join(folder, 'kept'));
    const refusal = await refuseWsvc(folder, 'restore', '0.safetensors');
    expect(refusal).toMatchObject({ status: 12, code: 'corrupt' });
    expect(refusal.suggestions).not.toEqual([]);
    // Nothing half-restored is left behind.
    expect((await readdir(folder)).filter((name) => name.includes('wsvc-') || name === '0.safetensors')).toEqual([]);
    const { findings } = await askWsvc<{ findings: readonly { commits: readonly string[] }[] }>(folder, 'fsck');
    expect(findings.some(({ commits }) => commits.length > 0)).toBe(true);
    expect((await runWsvc(folder, 'fsck')).status).toBe(3);
  }

  it('with a flipped byte in a pack ends with 12, and fsck names the commits', async () => {
    const folder = await repositoryWith(1);
    const pack = await onlyPack(folder);
    const bytes = await readFile(pack);
    const middle = Math.floor(bytes.byteLength / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 0x10;
    await chmod(pack, 0o644);
    await writeFile(pack, bytes);
    await expectRefused(folder);
  });

  it('with a pack deleted ends with 12, and fsck names the commits', async () => {
    const folder = await repositoryWith(1);
    await rm(await onlyPack(folder));
    await expectRefused(folder);
  });

  it('with a pack cut short ends with 12, and fsck names the commits', async () => {
    const folder = await repositoryWith(1);
    const pack = await onlyPack(folder);
    const bytes = await readFile(pack);
    await chmod(pack, 0o644);
    await writeFile(pack, bytes.subarray(0, bytes.byteLength - 40));
    await expectRefused(folder);
  });

  it('stores a lost checkpoint anew when the file is added again', async () => {
    const folder = await repositoryWith(1);
    await rm(await onlyPack(folder));
    expect((await runWsvc(folder, 'add', '0.safetensors')).status).toBe(0);
    expect(await askWsvc(folder, 'fsck', '--prove')).toMatchObject({ findings: [], proof: { differingBytes: 0 } });
  });

  it.each([
    ['HEAD', 'nonsense\n'],
    ['index', 'nonsense\n'],
    ['refs/heads/run-1', 'nonsense\n'],
    ['refs/heads/run-1', `${'0'.repeat(39)}1\n`],
    ['refs/heads/run-1', ''],
  ])('with nonsense in %s (%j) ends with 12', async (file, text) => {
    const folder = await repositoryWith(2);
    await writeFile(join(folder, '.wsvc', file), text);
    expect(await refuseWsvc(folder, 'status')).toMatchObject({ status: 12, code: 'corrupt' });
    expect((await runWsvc(folder, 'fsck')).status).toBe(3);
  });

  it('goes on with nonsense in everything derived', async () => {
    const folder = await repositoryWith(3);
    const before = await askWsvc(folder, 'log', '--trajectory');
    const derived = join(folder, '.wsvc', 'derived');
    for (const name of await readdir(derived, { recursive: true })) {
      await writeFile(join(derived, name), 'nonsense'.repeat(100)).catch(() => undefined);
    }
    expect(await askWsvc(folder, 'log', '--trajectory')).toEqual(before);
    expect(await askWsvc(folder, 'status')).toMatchObject({ saved: 3, changed: [], untracked: [] });
    await rm(derived, { recursive: true });
    expect(await askWsvc(folder, 'log', '--trajectory')).toEqual(before);
    expect(await askWsvc(folder, 'reindex')).toEqual({ checkpoints: 3 });
    expect(await askWsvc(folder, 'log', '--trajectory')).toEqual(before);
  });
});

describe('the format version', () => {
  it.each([
    ['3\n', 13, 'format-version'],
    ['999\n', 13, 'format-version'],
    ['one\n', 12, 'corrupt'],
    ['', 12, 'corrupt'],
  ])('%j ends with %i', async (text, status, code) => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    await writeFile(join(folder, '.wsvc', 'format'), text);
    for (const args of [['status'], ['add', 'x']]) {
      expect(await refuseWsvc(folder, ...args)).toMatchObject({ status, code });
    }
    // A newer version is left alone; damage is what fsck is for.
    expect(await refuseWsvc(folder, 'fsck')).toMatchObject(code === 'corrupt' ? { status: 3 } : { status, code });
  });
});

describe('a broken model file', () => {
  it('is stored as it is, with the reason; what needs its weights ends with 14', async () => {
    const folder = await repositoryWith(1);
    const whole = await readFile(join(folder, '0.safetensors'));
    await writeFile(join(folder, 'cut.safetensors'), whole.subarray(0, whole.byteLength - 7));
    const added = await askWsvc<{ added: readonly { format: string; problem: string; tensors: number }[] }>(
      folder,
      'add',
      'cut.safetensors',
    );
    expect(added.added).toMatchObject([{ format: 'unknown', tensors: 0, parameters: 0 }]);
    expect(added.added[0]?.problem).toMatch(/safetensors/);
    await askWsvc(folder, 'commit');
    expect(await askWsvc(folder, 'show', 'HEAD:cut.safetensors')).toMatchObject({ problem: added.added[0]?.problem });
    expect(await askWsvc(folder, 'identify', 'cut.safetensors')).toMatchObject({
      results: [{ relation: 'identical' }],
    });
    expect(await refuseWsvc(folder, 'show', 'cut.safetensors')).toMatchObject({ status: 14, code: 'bad-file' });
    await writeFile(join(folder, 'other.safetensors'), whole.subarray(0, whole.byteLength - 9));
    expect(await refuseWsvc(folder, 'identify', 'other.safetensors')).toMatchObject({ status: 14, code: 'bad-file' });
    expect(await askWsvc(folder, 'identify', 'other.safetensors', '0.safetensors')).toMatchObject({
      results: [{ known: false, problem: expect.stringMatching(/safetensors/) }, { known: true }],
    });
    const convert = await refuseWsvc(folder, 'restore', 'cut.safetensors', '--format', 'npz', '-o', 'x.npz');
    expect(convert).toMatchObject({ status: 14, code: 'bad-file' });
    const diff = await refuseWsvc(folder, 'diff', '0.safetensors', 'cut.safetensors');
    expect(diff).toMatchObject({ status: 14, code: 'bad-file' });
    await rm(join(folder, 'cut.safetensors'));
    await askWsvc(folder, 'restore', 'cut.safetensors');
    expect(await readFile(join(folder, 'cut.safetensors'))).toEqual(whole.subarray(0, whole.byteLength - 7));
  });
});

describe('the world', () => {
  /** Interrupts an import after a while; a process that has not started yet dies of the signal, one that is done ends with 0. */
  async function interruptImport(folder: string, after: number) {
    const child = startWsvc(folder, ['import', '.', '--json']);
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    await sleep(after);
    child.kill('SIGINT');
    return { status: await ended, stdout };
  }

  it('may interrupt: 130, and nothing is lost', async () => {
    let after = 400;
    let interrupted: { readonly folder: string; readonly stdout: string } | undefined;
    for (let tries = 0; interrupted === undefined && tries < 8; tries++) {
      const folder = await temporary();
      await askWsvc(folder, 'init');
      for (const [index, net] of trainRun(3, 20).entries()) await writeNet(folder, `${index}.safetensors`, net);
      const { status, stdout } = await interruptImport(folder, after);
      if (status === 130) interrupted = { folder, stdout };
      after *= status === null ? 1.6 : 0.7;
    }
    const { folder = '', stdout = '' } = interrupted ?? {};
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'interrupted' } });
    await askWsvc(folder, 'import', '.');
    expect(await askWsvc(folder, 'fsck', '--prove')).toMatchObject({ findings: [], proof: { files: 21 } });
  });

  it('may stop reading the output', async () => {
    const folder = await repositoryWith(12);
    const run = spawnSync(
      'bash',
      ['-c', `"${process.execPath}" "${PROGRAM}" log --all | true; echo \${PIPESTATUS[0]}`],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    );
    expect(run).toMatchObject({ stdout: '0\n', stderr: '' });
  });

  it('may have no room left', async () => {
    const folder = await temporary();
    const disk = join(folder, 'disk');
    await mkdir(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', disk]).status !== 0) {
      console.warn('SKIPPED: no small disk can be mounted here; the full disk is not tested.');
      return;
    }
    try {
      await askWsvc(disk, 'init');
      const [first, second] = trainRun(5, 1);
      if (first === undefined || second === undefined) throw new Error('no states');
      await writeNet(disk, '0.safetensors', first);
      await askWsvc(disk, 'import', '.');
      await writeNet(disk, '1.safetensors', second);
      const filling = join(disk, 'filling');
      for (let size = 400_000; size > 0; size -= 1000) {
        if (
          await writeFile(filling, Buffer.alloc(size)).then(
            () => true,
            () => false,
          )
        )
          break;
      }
      for (const args of [
        ['add', '1.safetensors'],
        ['import', '.'],
      ]) {
        const refusal = await refuseWsvc(disk, ...args);
        expect(refusal).toMatchObject({ code: 'system', status: 15 });
        expect(refusal.message).toMatch(/disk is full/);
      }
      await rm(filling);
      expect(await askWsvc(disk, 'fsck', '--prove')).toMatchObject({
        findings: [],
        proof: { files: 1, differingBytes: 0 },
      });
      await askWsvc(disk, 'import', '.');
      expect(await askWsvc(disk, 'fsck', '--prove')).toMatchObject({
        findings: [],
        proof: { files: 2, differingBytes: 0 },
      });
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  it('may have room for half a file only', async () => {
    const folder = await temporary();
    const disk = join(folder, 'disk');
    await mkdir(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk]).status !== 0) {
      console.warn('SKIPPED: no small disk can be mounted here; the full disk is not tested.');
      return;
    }
    try {
      const bytes = randomBytes(800_000);
      await writeFile(join(disk, 'a.bin'), bytes);
      await askWsvc(disk, 'init');
      await askWsvc(disk, 'import', 'a.bin');
      await rm(join(disk, 'a.bin'));
      const free = Number(spawnSync('stat', ['-f', '-c', '%a', disk], { encoding: 'utf8' }).stdout) * 4096;
      for (const room of [100_000, 400_000, 790_000]) {
        await writeFile(join(disk, 'filling'), Buffer.alloc(free - room));
        expect(await refuseWsvc(disk, 'restore', 'a.bin')).toMatchObject({ code: 'system', status: 15 });
        expect(await readdir(disk)).toEqual(['.wsvc', 'filling']);
        await rm(join(disk, 'filling'));
      }
      await askWsvc(disk, 'restore', 'a.bin');
      expect(await readFile(join(disk, 'a.bin'))).toEqual(bytes);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  it('may be read-only', { timeout: 120_000 }, async () => {
    const folder = await temporary();
    const disk = join(folder, 'disk');
    await mkdir(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]).status !== 0) {
      console.warn('SKIPPED: no disk can be mounted here; a read-only repository is not tested.');
      return;
    }
    try {
      await askWsvc(disk, 'init');
      for (const [index, net] of trainRun(5, 3).entries()) await writeNet(disk, `${index}.safetensors`, net);
      await askWsvc(disk, 'import', '0.safetensors', '1.safetensors');
      await askWsvc(disk, 'add', '2.safetensors');
      await rm(join(disk, '.wsvc/derived'), { recursive: true });
      spawnSync('mount', ['-o', 'remount,ro', disk]);
      for (const args of [
        ['status'],
        ['log', '--trajectory'],
        ['identify', '3.safetensors'],
        ['diff', '0.safetensors', 'HEAD'],
        ['lineage'],
        ['fsck', '--prove'],
        ['du'],
        ['gc', '--dry-run'],
        ['gc', '--now', '--aggressive', '--dry-run'],
        ['prune', '--keep-last', '1', '--dry-run'],
        ['restore', '0.safetensors', '-o', join(folder, 'out.safetensors')],
      ])
        await askWsvc(disk, ...args);
      expect(await readFile(join(folder, 'out.safetensors'))).toEqual(await readFile(join(disk, '0.safetensors')));
      for (const args of [
        ['add', '--move', '3.safetensors'],
        ['import', '.'],
        ['commit'],
        ['switch', '--detach', 'HEAD'],
        ['reset'],
        ['tag', 'v1'],
        ['gc', '--now'],
        ['reindex'],
        ['fsck', '--repair'],
      ])
        expect(await refuseWsvc(disk, ...args)).toMatchObject({
          code: 'system',
          status: 15,
          message: expect.stringContaining('read-only'),
        });
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  it('may close its output before a refusal is printed', async () => {
    const folder = await temporary();
    const run = spawnSync(
      'bash',
      ['-c', `"${process.execPath}" "${PROGRAM}" status --json | true; echo \${PIPESTATUS[0]}`],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    );
    expect(run.stdout).toBe('10\n');
  });

  it('may lead in circles', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    await symlink('loop.pt', join(folder, 'loop.pt'));
    await symlink('.', join(folder, 'here'));
    await copyFile(PROGRAM, join(folder, 'a.pt'));
    expect(await refuseWsvc(folder, 'add', 'loop.pt')).toMatchObject({ status: 2 });
    expect(await askWsvc(folder, 'add', '.')).toMatchObject({ added: [{ path: 'a.pt' }] });
  });
});

it('a full disk is told with one hint', () => {
  const cause = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const described = new WsvcError('system', 'Cannot write "x" (ENOSPC).', { cause, suggestions: ['Free some space.'] });
  expect(toWsvcError(described)).toMatchObject({
    message: 'The disk is full. Cannot write "x" (ENOSPC).',
    suggestions: ['Free some space.'],
  });
  expect(toWsvcError(cause).suggestions).toHaveLength(1);
});
