import { rmSync } from 'node:fs';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { ENDS, expectClean, expectNothingLost, makeBench } from './checks.ts';
import { expectNoBug, type HookedRun, runWhole } from './hooked.ts';
import { runInside } from './in-process.ts';
import { CASES, type CrashCase } from './operations.ts';

/** Commands that write, each of which is tried beside each. */
const WRITERS = [
  'add',
  'add --move',
  'commit',
  'commit after add --move',
  'import',
  'restore',
  'switch',
  'reset',
  'reset --hard',
  'branch',
  'branch --delete',
  'tag',
  'tag --delete',
  'prune',
  'prune --undo',
  'prune --pin',
  'gc',
  'gc after prune',
  'gc of git objects',
  'gc --aggressive',
  'reindex',
  'fsck --repair',
];

export interface Pair {
  readonly name: string;
  readonly first: CrashCase;
  readonly second: CrashCase;
}

const caseOf = (name: string): CrashCase => {
  const one = CASES.find((candidate) => candidate.name === name);
  if (one === undefined) throw new Error(`no case ${name}`);
  return one;
};

const pairsOf = (all: readonly CrashCase[]): readonly Pair[] =>
  all.flatMap((first) =>
    WRITERS.map((second) => ({ name: `${first.name} | ${second}`, first, second: caseOf(second) })),
  );

export const ALL_PAIRS = pairsOf(WRITERS.map(caseOf));

/** Each command that only reads, beside each that writes. */
export const READER_PAIRS = pairsOf(CASES.filter(({ isReader }) => isReader));

/** What both need to have something to do; of two that exclude each other, the second goes without. */
const prepareBoth =
  ({ first, second }: Pair) =>
  async (folder: string): Promise<void> => {
    await first.prepare?.(folder);
    if (second.prepare !== first.prepare) await second.prepare?.(folder).catch(() => undefined);
  };

/** How a command may end beside another: also told to wait. */
const FAIR: ReadonlySet<number | null> = new Set([...ENDS, EXIT_CODES.locked]);

function expectFair(args: readonly string[], run: HookedRun): void {
  expectNoBug(args, run);
  if (!FAIR.has(run.status)) throw new Error(`wsvc ${args.join(' ')}: ${run.status} ${run.stderr}`);
}

interface Point {
  readonly kind: string;
  readonly at: number;
}

/** Where the first command can be held: what it reads and changes, but for what it does without waiting. */
async function listPoints(folder: string, args: readonly string[]): Promise<readonly Point[]> {
  const points: Point[] = [];
  let at = 0;
  const onChange = (kind: string, canBeHeld: boolean): void => {
    at += 1;
    if (canBeHeld) points.push({ kind, at });
  };
  await runInside(folder, args, { mode: 'count', reads: true, onChange });
  return points;
}

function spread<T>(all: readonly T[], count: number): readonly T[] {
  if (all.length <= count) return all;
  return Array.from({ length: count }, (_, i) => all[Math.round(((i + 1) * all.length) / count) - 1]).flatMap(
    (one) => one ?? [],
  );
}

/** Every so-many of what comes before the first change (its lock: what was read by then may be out of date), and as many of what follows. */
function choosePoints(points: readonly Point[], count: number): readonly Point[] {
  const lock = points.findIndex(({ kind }) => !kind.startsWith('read '));
  const early = lock < 0 ? points : points.slice(0, lock + 1);
  return [...spread(early, count), ...spread(points.slice(early.length), Math.ceil(count / 2))];
}

/** @returns false where the first ended before it came so far: what runs at the same time inside it does so in another order each time */
async function runTogether(folder: string, { first, second }: Pair, at: number): Promise<boolean> {
  let other: HookedRun | undefined;
  const onPause = async (): Promise<void> => {
    other = await runInside(folder, second.args, { mode: 'count' });
  };
  const own = await runInside(folder, first.args, { mode: 'pause', at, reads: true, onPause });
  if (other === undefined) return false;
  for (const [{ args }, run] of [
    [first, own],
    [second, other],
  ] as const) {
    expectFair(args, run);
    if (run.status === EXIT_CODES.locked) expectFair(args, await runWhole(folder, args));
  }
  return true;
}

/** Holds the first command at some points, of which most are before it has the lock, while the second runs. @returns how many were tried */
export async function runPair(pair: Pair, count: number): Promise<number> {
  using bench = await makeBench(prepareBoth(pair));
  const points = choosePoints(await listPoints(bench.copyTo('whole'), pair.first.args), count);
  let tried = 0;
  for (const { at, kind } of points) {
    const folder = bench.copyTo(`at-${at}`);
    try {
      if (await runTogether(folder, pair, at)) tried += 1;
      await expectClean(folder);
      // A file that was missing may have been pruned before it was restored: that was asked for.
      await expectNothingLost(folder, { mayBePruned: true });
    } catch (cause) {
      throw new Error(`${pair.name}, the first held at ${at} (${kind}): ${String(cause)}`, { cause });
    }
    rmSync(folder, { recursive: true });
  }
  return tried;
}
