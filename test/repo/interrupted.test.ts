import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Net, trainRun, writeNet } from '../commands/models.ts';
import { askWsvc, startWsvc } from '../commands/program.ts';
import { temporaryFolders } from '../store/temporary.ts';

const temporary = temporaryFolders();

interface Trajectories {
  readonly trajectories: readonly {
    readonly name: string;
    readonly checkpoints: readonly { readonly source: string; readonly position: number }[];
  }[];
}

function placesOf({ trajectories }: Trajectories) {
  return trajectories.map(({ checkpoints }) => checkpoints.map(({ source, position }) => ({ source, position })));
}

async function fill(folder: string, nets: readonly Net[]): Promise<void> {
  await askWsvc(folder, 'init');
  for (const [index, net] of nets.entries()) await writeNet(folder, `${(index * 5) % nets.length}.safetensors`, net);
}

function countIn(folder: string, ...names: readonly string[]): number {
  try {
    return readdirSync(join(folder, '.wsvc', ...names), { recursive: true }).length;
  } catch {
    return 0;
  }
}

/** Starts a command and kills it as soon as something happened to a part of the repository; true when it was not done by then. */
async function killWhenChanged(folder: string, args: readonly string[], part: readonly string[]): Promise<boolean> {
  const before = countIn(folder, ...part);
  const child = startWsvc(folder, args);
  let isOver = false;
  const ended = new Promise<number | null>((resolve) =>
    child.on('close', (status) => {
      isOver = true;
      resolve(status);
    }),
  );
  while (!isOver && countIn(folder, ...part) === before) await sleep(1);
  child.kill('SIGKILL');
  return (await ended) === null;
}

/** In the order in which they change: temporary files, packs of weights, commits, branches. */
const PARTS = [['tmp'], ['blobs', 'packs'], ['tmp'], ['objects'], ['refs', 'heads'], ['refs', 'heads']];

function stockFsck(folder: string): string {
  const run = spawnSync('git', ['--git-dir', join(folder, '.wsvc'), 'fsck', '--strict', '--no-dangling'], {
    encoding: 'utf8',
  });
  return `${run.status}${run.stdout}${run.stderr.replace(/^notice: .*\n/gm, '')}`;
}

describe('an import that is killed', () => {
  it('at any time loses nothing and is done by running it again', { timeout: 120_000 }, async () => {
    const nets = [...trainRun(51, 10), ...trainRun(52, 9)];
    const whole = await temporary();
    await fill(whole, nets);
    const expected = await askWsvc<Trajectories>(whole, 'import', '.');
    const killed = await temporary();
    await fill(killed, nets);
    let cut = 0;
    for (const part of PARTS) {
      if (await killWhenChanged(killed, ['import', '.'], part)) cut += 1;
      expect(await askWsvc(killed, 'fsck', '--prove')).toMatchObject({ findings: [] });
    }
    expect(cut).toBeGreaterThan(1);
    const after = await askWsvc<Trajectories>(killed, 'import', '.');
    expect(placesOf(after)).toEqual(placesOf(expected));
    expect(await askWsvc(killed, 'fsck', '--prove')).toMatchObject({
      findings: [],
      checked: { commits: nets.length },
      proof: { files: nets.length, differingBytes: 0 },
    });
    expect(await askWsvc(killed, 'status')).toMatchObject({ staged: [], untracked: [], saved: nets.length });
    expect(stockFsck(killed)).toBe('0');
  });

  it('as a commit can be repeated without a second commit of the same', async () => {
    const folder = await temporary();
    const nets = trainRun(61, 7);
    await fill(folder, nets);
    await askWsvc(folder, 'add', '.');
    for (const part of PARTS) await killWhenChanged(folder, ['commit'], part);
    const { staged } = await askWsvc<{ staged: readonly unknown[] }>(folder, 'status');
    if (staged.length > 0) await askWsvc(folder, 'commit');
    const { commits } = await askWsvc<{ commits: readonly { paths: readonly string[] }[] }>(folder, 'log', '--all');
    expect(commits.map(({ paths }) => paths.join()).sort()).toEqual(nets.map((_, index) => `${index}.safetensors`));
    expect(await askWsvc(folder, 'fsck', '--prove')).toMatchObject({ findings: [], proof: { differingBytes: 0 } });
  });
});
