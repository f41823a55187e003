import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { LARGE_FILES, type LargeFile } from './memory-files.ts';
import { runProgram, withFolder, wsvcCommand } from './program.ts';
import type { BenchTable } from './table.ts';

const LIMIT_BYTES = 512 * 1024 * 1024;

/** `next`: add of the file after a small step of all that is not zero. */
const COMMANDS = ['add', 'show', 'restore', 'add next'] as const;

/** Run first in every process: says what it took when it ends. Its ru_maxrss would begin with what this process had when it started it. */
const REPORT = `data:text/javascript,${encodeURIComponent(
  `import { readFileSync, writeFileSync } from 'node:fs';
   process.on('exit', () => {
     const { userCPUTime, systemCPUTime } = process.resourceUsage();
     const [, kib] = /^VmHWM:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'));
     writeFileSync(process.env.WSVC_BENCH_USAGE, JSON.stringify({ bytes: kib * 1024, cpuMs: (userCPUTime + systemCPUTime) / 1000 }));
   });`,
)}`;

interface Usage {
  /** The most that was resident (proc(5), VmHWM), of the process with all its threads. */
  readonly bytes: number;
  readonly cpuMs: number;
}

/** Runs wsvc and says what it took. @throws Error when it fails. */
function measure(folder: string, args: readonly string[]): Usage {
  const [file = '', ...rest] = wsvcCommand(...args);
  const usage = join(folder, 'usage.json');
  const env = { ...process.env, NODE_OPTIONS: `--import=${REPORT}`, WSVC_BENCH_USAGE: usage };
  const run = spawnSync(file, rest, { cwd: folder, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`wsvc ${args.join(' ')} ended with ${run.status}: ${run.stderr}`);
  return JSON.parse(readFileSync(usage, 'utf8'));
}

function isSame(folder: string, a: string, b: string): boolean {
  return spawnSync('cmp', ['-s', a, b], { cwd: folder }).status === 0;
}

function repositoryBytes(folder: string): number {
  return Number(runProgram(folder, ['du', '-sk', '.wsvc']).split('\t')[0]) * 1024;
}

async function benchFile(large: LargeFile): Promise<readonly string[]> {
  return withFolder(async (folder) => {
    await large.write(folder, 0);
    runProgram(folder, wsvcCommand('init'));
    const add = measure(folder, ['add', large.name]);
    const show = measure(folder, ['show', large.name]);
    runProgram(folder, wsvcCommand('commit', '-m', large.about));
    const restore = measure(folder, ['restore', `run-1:${large.name}`, '-o', 'restored']);
    const same = isSame(folder, large.name, 'restored');
    rmSync(join(folder, 'restored'));
    await large.write(folder, 1e-4);
    const next = measure(folder, ['add', large.name]);
    const usages = [add, show, restore, next];
    const byteLength = statSync(join(folder, large.name)).size;
    return [
      large.about,
      (byteLength / 1e9).toFixed(2),
      ...usages.map(({ bytes }) => (bytes / 2 ** 20).toFixed(0)),
      usages.every(({ bytes }) => bytes < LIMIT_BYTES) ? 'yes' : 'NO',
      same ? 'same' : 'DIFFERENT',
      ...usages.map(({ cpuMs }) => (cpuMs / 1000).toFixed(1)),
      (repositoryBytes(folder) / 1e6).toFixed(1),
    ];
  });
}

async function benchMemory(report: (text: string) => void): Promise<BenchTable> {
  const rows: (readonly string[])[] = [];
  for (const large of LARGE_FILES) {
    report(large.about);
    const row = await benchFile(large);
    report(row.join(' | '));
    rows.push(row);
  }
  const memory = COMMANDS.map((command) => `${command}, MiB`);
  const cpu = COMMANDS.map((command) => `${command}, CPU s`);
  return {
    title: 'Memory: the most that is resident while large files are added, shown and restored',
    columns: ['file', 'GB', ...memory, 'below 512 MiB', 'restored', ...cpu, 'repository, MB'],
    rows,
    notes: [
      `VmHWM of the whole process; Node ${process.version}. The files are sparse: every tensor begins with 4,096 numbers and goes on with zeros. Restored files are compared by cmp.`,
    ],
  };
}

export const memory: Bench = {
  name: 'memory',
  about: 'resident memory of add, show and restore on files of gigabytes (needs 15 GB of disk)',
  isHeavy: true,
  async *run({ report }) {
    yield await benchMemory(report);
  },
};
