import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseBlobId, parseCommitId } from '../../src/objects/ids.ts';
import { createHistory, openHistory } from '../../src/store/git-history.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { openBlobStore } from '../../src/store/pack-blob-store.ts';
import { createRandom } from './blobs.ts';
import { expectBlobsClean, expectGitClean, newCommit, runGit } from './repository.ts';
import { temporaryFolders } from './temporary.ts';

const temporary = temporaryFolders();
const script = fileURLToPath(new URL('./committer.ts', import.meta.url));
const holder = fileURLToPath(new URL('./lock-holder.ts', import.meta.url));

function startScript(path: string, ...args: readonly string[]): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  return { child, output: () => text };
}

async function waitFor(isReady: () => boolean): Promise<void> {
  while (!isReady()) await sleep(5);
}

/** What a committer printed before it ended: blob and commit of each that it reported done. */
function reported(output: string): readonly { blob: string; commit: string }[] {
  const lines = output.split('\n').slice(0, -1);
  return lines.map((line) => ({ blob: line.slice(0, 64), commit: line.slice(65) }));
}

async function expectKept(directory: string, output: string): Promise<number> {
  const store = await openBlobStore(directory);
  const reachable = new Set(runGit(directory, 'rev-list', 'main').split('\n'));
  for (const { blob, commit } of reported(output)) {
    await store.read(parseBlobId(blob));
    expect(reachable).toContain(parseCommitId(commit));
  }
  await expectBlobsClean(store);
  expectGitClean(directory);
  return reported(output).length;
}

describe('processes', () => {
  it('three at once lose nothing', async () => {
    const directory = join(await temporary(), '.wsvc');
    await createHistory(directory);
    const running = ['a', 'b', 'c'].map((name) => startScript(script, directory, name, '20'));
    await Promise.all(running.map(({ child }) => once(child, 'close')));
    for (const { child, output } of running) {
      expect(child.exitCode).toBe(0);
      expect(await expectKept(directory, output())).toBe(20);
    }
    expect(runGit(directory, 'rev-list', '--count', 'main')).toBe('60\n');
  });

  it('killed at any moment have done what they said, and leave nothing in the way', async () => {
    const random = createRandom(11);
    const directory = join(await temporary(), '.wsvc');
    await createHistory(directory);
    let kept = 0;
    for (let round = 0; round < 8; round++) {
      const { child, output } = startScript(script, directory, `round-${round}`, '1000');
      await waitFor(() => output() !== '');
      await sleep(random() * 150);
      child.kill('SIGKILL');
      await once(child, 'close');
      kept += await expectKept(directory, output());
      const history = await openHistory(directory);
      const tip = await history.resolveRevision('main');
      await history.updateBranch('main', await history.writeCommit(newCommit(5000 + round, [tip])), tip);
    }
    console.log(`8 kills; ${kept} commits reported done, all there`);
    expect(kept).toBeGreaterThan(8);
  });
});

describe('the lock of a repository', () => {
  it('is held by one, who is named to others, and free when released', async () => {
    const directory = await temporary();
    const lock = await acquireLock(directory, { purpose: 'wsvc add' });
    const refused = await acquireLock(directory, { purpose: 'wsvc gc' }).catch((error: Error) => error);
    expect(refused).toMatchObject({ code: 'locked', message: expect.stringContaining(`${process.pid} wsvc add`) });
    await lock.release();
    await lock.release();
    await using again = await acquireLock(directory, { purpose: 'wsvc gc' });
    expect(again).toBeDefined();
  });

  it('is waited for as long as is asked', async () => {
    const directory = await temporary();
    const lock = await acquireLock(directory, { purpose: 'first' });
    const waiting = acquireLock(directory, { purpose: 'second', waitMs: 10_000 });
    await sleep(60);
    await lock.release();
    await (await waiting).release();
    const held = await acquireLock(directory, { purpose: 'third' });
    const signal = AbortSignal.timeout(50);
    await expect(acquireLock(directory, { purpose: 'x', waitMs: 10_000, signal })).rejects.toMatchObject({
      code: 'interrupted',
    });
    await held.release();
  });

  it('is free at once when its holder is killed', async () => {
    const directory = await temporary();
    const { child, output } = startScript(holder, directory);
    await waitFor(() => output() !== '');
    const refused = await acquireLock(directory, { purpose: 'here' }).catch((error: Error) => error);
    expect(refused).toMatchObject({ code: 'locked', message: expect.stringContaining(`${child.pid} `) });
    child.kill('SIGKILL');
    await once(child, 'close');
    await (await acquireLock(directory, { purpose: 'here' })).release();
  });
});
