import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { logHistory } from '../../src/repo/log-history.ts';
import { undoPrune } from '../../src/repo/undo-prune.ts';
import { finish, openIn } from '../repo/workspace.ts';
import { expectClean, expectNothingLost, makeBench } from './checks.ts';
import { countChanges, expectNoBug, type HookedRun, runWhole, startPaused } from './hooked.ts';
import { CASES, NEW, nameOf, RUN } from './operations.ts';

/** Two commands at once: the first stands still in the middle while the second runs. */
export interface Race {
  readonly name: string;
  readonly first: readonly string[];
  readonly second: readonly string[];
  /** The first stands still also before it reads. */
  readonly reads?: boolean;
  readonly prepare?: (folder: string) => Promise<void>;
  /** What must hold when both have said that they are done. */
  readonly check?: (folder: string) => Promise<void>;
}

const EXIT_LOCKED = 11;

const prepareOf = (name: string) => CASES.find((one) => one.name === name)?.prepare ?? (async () => undefined);

/** Every checkpoint is in the history, once. */
async function expectCommittedOnce(folder: string): Promise<void> {
  if ((await (await openIn(folder)).history.listStaged()).length > 0) await finish(commitStaged(await openIn(folder)));
  const { commits } = await logHistory(await openIn(folder), { all: true });
  const paths = commits.flatMap((commit) => commit.paths).sort();
  const expected = RUN.map((_, index) => nameOf(index));
  if (paths.join() !== expected.join()) throw new Error(`committed: ${paths.join(', ')}`);
}

const undo = async (folder: string): Promise<void> => void (await finish(undoPrune(await openIn(folder))));
const [a4 = '', a5 = ''] = NEW.map(nameOf);
const COLLECT = ['gc', '--now'];
const PRUNE = ['prune', '--keep-last', '1', '--yes'];
const both = (a: string, b: string) => async (folder: string) => {
  await prepareOf(a)(folder);
  await prepareOf(b)(folder);
};
const without = (index: number, prepare?: string) => async (folder: string) => {
  if (prepare !== undefined) await prepareOf(prepare)(folder);
  await rm(join(folder, nameOf(index)));
};

const PAIRS: readonly Race[] = [
  { name: 'add, add', first: ['add', a4], second: ['add', a5], check: expectCommittedOnce },
  { name: 'add, gc', first: ['add', a4, a5], second: COLLECT, prepare: prepareOf('gc'), check: expectCommittedOnce },
  { name: 'add --move, gc', first: ['add', '--move', a4, a5], second: COLLECT, prepare: prepareOf('gc') },
  {
    name: 'commit, commit',
    first: ['commit'],
    second: ['commit'],
    prepare: prepareOf('commit'),
    check: expectCommittedOnce,
  },
  { name: 'import, import', first: ['import', '.'], second: ['import', '.'], check: expectCommittedOnce },
  { name: 'import, gc', first: ['import', '.'], second: COLLECT, prepare: prepareOf('gc'), check: expectCommittedOnce },
  { name: 'prune, restore', first: PRUNE, second: ['restore', nameOf(1)], prepare: without(1), check: undo },
  { name: 'restore, prune', first: ['restore', nameOf(1)], second: PRUNE, prepare: without(1), check: undo },
  { name: 'restore, gc', first: ['restore', nameOf(0)], second: COLLECT, prepare: without(0, 'gc after prune') },
  { name: 'gc, restore', first: COLLECT, second: ['restore', nameOf(0)], prepare: without(0, 'gc after prune') },
  { name: 'gc, add', first: COLLECT, second: ['add', a4], prepare: prepareOf('gc after prune') },
  {
    name: 'gc of git objects, commit',
    first: ['gc'],
    second: ['commit'],
    prepare: both('gc of git objects', 'commit'),
  },
  {
    name: 'gc of git objects, restore',
    first: ['gc'],
    second: ['restore', nameOf(1)],
    prepare: without(1, 'gc of git objects'),
  },
  {
    name: 'restore, gc of git objects',
    first: ['restore', nameOf(1)],
    second: ['gc'],
    reads: true,
    prepare: without(1, 'gc of git objects'),
  },
  {
    name: 'log, gc of git objects',
    first: ['log', '--all'],
    second: ['gc'],
    reads: true,
    prepare: prepareOf('gc of git objects'),
  },
  { name: 'status, gc', first: ['status'], second: COLLECT, reads: true, prepare: prepareOf('gc after prune') },
  {
    name: 'fsck, gc of git objects',
    first: ['fsck'],
    second: ['gc'],
    reads: true,
    prepare: prepareOf('gc of git objects'),
  },
  { name: 'fsck, gc', first: ['fsck'], second: COLLECT, reads: true, prepare: prepareOf('gc after prune') },
  { name: 'du, gc', first: ['du'], second: COLLECT, reads: true, prepare: prepareOf('gc after prune') },
  {
    name: 'gc --dry-run, gc',
    first: ['gc', '--now', '--dry-run'],
    second: COLLECT,
    reads: true,
    prepare: prepareOf('gc after prune'),
  },
  {
    name: 'gc --dry-run, commit',
    first: ['gc', '--now', '--dry-run'],
    second: ['commit'],
    reads: true,
    prepare: prepareOf('commit'),
  },
  {
    name: 'prune --dry-run, gc',
    first: ['prune', '--keep-last', '1', '--dry-run'],
    second: [...COLLECT, '--aggressive'],
    reads: true,
  },
  { name: 'fsck, gc --aggressive', first: ['fsck'], second: [...COLLECT, '--aggressive'], reads: true },
  {
    name: 'restore, gc --aggressive',
    first: ['restore', nameOf(1)],
    second: [...COLLECT, '--aggressive'],
    reads: true,
    prepare: without(1),
  },
  { name: 'switch, add', first: ['switch', 'old'], second: ['add', a4], prepare: prepareOf('switch') },
];

export const RACES = PAIRS;

/** Runs the first command up to a change of the disk, the second to its end, then the first to its end. */
async function runBoth(
  folder: string,
  { first, second, reads = false }: Race,
  at: number,
): Promise<readonly [HookedRun, HookedRun]> {
  const pause = `${folder}.pause`;
  const child = startPaused(folder, first, { at, reads, pause });
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const ended = once(child, 'close');
  while (!existsSync(`${pause}.here`) && child.exitCode === null) await sleep(2);
  const other = await runWhole(folder, second);
  writeFileSync(`${pause}.go`, '');
  const [status]: readonly unknown[] = await ended;
  for (const name of ['here', 'go']) rmSync(`${pause}.${name}`, { force: true });
  const own = { status: typeof status === 'number' ? status : null, stderr };
  expectNoBug(first, own);
  return [own, other];
}

/** Done, or the other was faster and this one says so. */
const isDone = ({ status, stderr }: HookedRun): boolean =>
  status === 0 || /Nothing is staged\.|The content of \S+ was pruned on/.test(stderr);

/** One that was locked out, and told so with what to do, is run again; anything else must have worked. */
async function again(folder: string, args: readonly string[], run: HookedRun): Promise<boolean> {
  if (isDone(run)) return false;
  const fail = (why: string, { status, stderr }: HookedRun): never => {
    throw new Error(`wsvc ${args.join(' ')} ${why}: ${status} ${stderr}`);
  };
  if (run.status !== EXIT_LOCKED) fail('failed', run);
  if (!/run the command again/i.test(run.stderr)) fail('does not say what to do', run);
  const second = await runWhole(folder, args);
  if (!isDone(second)) fail('failed when it was run again', second);
  return true;
}

/** @returns how many points were tried, and at how many of them the second command was told to wait */
export async function runRace(race: Race, step: number): Promise<{ readonly tried: number; readonly locked: number }> {
  using bench = await makeBench(race.prepare);
  const changes = countChanges(bench.copyTo('whole'), race.first, race.reads ?? false);
  let [tried, locked] = [0, 0];
  for (let at = 1; at <= changes; at += step) {
    const folder = bench.copyTo(`at-${at}`);
    try {
      const [own, other] = await runBoth(folder, race, at);
      await again(folder, race.first, own);
      if (await again(folder, race.second, other)) locked += 1;
      await race.check?.(folder);
      await expectClean(folder);
      await expectNothingLost(folder);
    } catch (cause) {
      throw new Error(`${race.name}, the first held at change ${at} of ${changes}: ${String(cause)}`, { cause });
    }
    rmSync(folder, { recursive: true });
    tried += 1;
  }
  return { tried, locked };
}
