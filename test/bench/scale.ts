import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { runProgram, withFolder, wsvcCommand } from './program.ts';
import { benchIndexes, type IndexSizes } from './scale-index.ts';
import { createSgd, SmallNet } from './small-net.ts';
import type { BenchTable } from './table.ts';
import { hasProgram, timeProcess } from './timing.ts';
import { writeNet } from './write-net.ts';

const CHECKPOINTS_A_RUN = 20;
/** Files that are not imported: the next ones of the first run. */
const LATE = 3;
const WIDTHS = [6, 12, 12, 3];
/** Files that stock git commits one by one; the figure is per file. */
const GIT_FILES = 100;
const AUTHOR = { WSVC_AUTHOR_NAME: 'Bench', WSVC_AUTHOR_EMAIL: 'bench@example.org' };

async function writeRuns(folder: string, runs: number, seed: number): Promise<void> {
  for (const name of ['models', 'late']) mkdirSync(join(folder, name), { recursive: true });
  for (let run = 0; run < runs; run++) {
    const net = new SmallNet(WIDTHS, 1000 * seed + run);
    const optimize = createSgd(0.05, 0.9);
    for (let step = 0; step < CHECKPOINTS_A_RUN + (run === 0 ? LATE : 0); step++) {
      net.train(3, optimize);
      // Names that say nothing about the order.
      const name = ((run * 1000 + step) * 7919).toString(36);
      const isLate = step >= CHECKPOINTS_A_RUN;
      await writeNet(
        join(folder, isLate ? 'late' : 'models'),
        `${isLate ? step - CHECKPOINTS_A_RUN : name}.safetensors`,
        net,
        'f32',
      );
    }
  }
}

/** Seconds of wall and CPU a file that stock git takes to add and commit one by one; every object flushed, as wsvc does. */
function timeGit(folder: string): { readonly wall: number; readonly cpu: number } | undefined {
  if (!hasProgram('git')) return undefined;
  const names = readdirSync(join(folder, 'models')).slice(0, GIT_FILES);
  const quoted = names.map((name) => `models/${name}`).join(' ');
  const settings = '-c user.name=b -c user.email=b@example.org -c core.fsync=all';
  const script = `git init -q peer && cd peer && for f in ${quoted}; do cp ../$f . && git ${settings} add . && git ${settings} commit -q -m add || exit 1; done`;
  const { wallMs, cpuMs } = timeProcess(folder, ['bash', '-c', script]);
  runProgram(folder, ['rm', '-rf', 'peer']);
  return { wall: wallMs / names.length, cpu: cpuMs / names.length };
}

const perFile = (ms: number, count: number): string => (ms / count).toFixed(1);

/** Commands, each once cold where it has something to compute, in one repository of `count` checkpoints. */
function timeCommands(folder: string, count: number): readonly (readonly string[])[] {
  const time = (name: string, ...args: readonly string[]): readonly string[] => {
    const { wallMs, cpuMs } = timeProcess(folder, wsvcCommand(...args), AUTHOR);
    return [String(count), name, wallMs.toFixed(0), cpuMs.toFixed(0)];
  };
  const bare = timeProcess(folder, [process.execPath, '-e', '0']);
  return [
    [String(count), 'node -e 0', bare.wallMs.toFixed(0), bare.cpuMs.toFixed(0)],
    time('identify, file that is stored', 'identify', `models/0.safetensors`),
    time('identify, next of a run', 'identify', 'late/0.safetensors'),
    time('log -n 5', 'log', '-n', '5'),
    time('log --trajectory run-1', 'log', '--trajectory', 'run-1'),
    time('status', 'status'),
    time('add one more', 'add', 'late/1.safetensors'),
    time('commit it', 'commit'),
    time('identify after that', 'identify', 'late/2.safetensors'),
  ];
}

async function benchRepository(count: number, seed: number): Promise<readonly BenchTable[]> {
  return withFolder(async (folder) => {
    await writeRuns(folder, count / CHECKPOINTS_A_RUN, seed);
    const git = timeGit(folder);
    runProgram(folder, wsvcCommand('init'));
    const imported = timeProcess(folder, wsvcCommand('import', 'models'), AUTHOR);
    const beside = git === undefined ? ['-', '-'] : [git.wall.toFixed(1), git.cpu.toFixed(1)];
    return [
      {
        title: `Scale: import of ${count} small files, ms a file`,
        columns: ['files', 'import: wall', 'import: CPU', 'git add and commit, one by one: wall', 'CPU'],
        rows: [[String(count), perFile(imported.wallMs, count), perFile(imported.cpuMs, count), ...beside]],
        notes: [
          `Networks ${WIDTHS.join('-')}, ${CHECKPOINTS_A_RUN} checkpoints a run; git commits the first ${GIT_FILES}, with core.fsync=all; seed ${seed}.`,
        ],
      },
      {
        title: `Scale: whole processes in a repository of ${count} checkpoints`,
        columns: ['checkpoints', 'command', 'wall, ms', 'CPU, ms'],
        rows: timeCommands(folder, count),
      },
    ];
  });
}

const INDEXES: IndexSizes = { trained: [1000], synthetic: [100, 1000, 10_000], questions: 100 };
const LARGE_INDEXES: IndexSizes = {
  trained: [1000, 10_000],
  synthetic: [100, 1000, 10_000, 100_000],
  questions: 1000,
};

export const scale: Bench = {
  name: 'scale',
  about:
    'import beside git one by one; identify, add, log, status and the neighbor index as the number of checkpoints grows',
  async *run({ seed, large, report }) {
    report('the neighbor index');
    yield await benchIndexes(large ? LARGE_INDEXES : INDEXES, seed);
    for (const count of large ? [100, 1000, 10_000] : [100, 1000]) {
      report(`${count} checkpoints`);
      yield* await benchRepository(count, seed);
    }
  },
};
