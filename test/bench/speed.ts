import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DType } from '../../src/tensors/dtype.ts';
import type { Bench } from './bench.ts';
import { runProgram, withFolder, wsvcCommand } from './program.ts';
import { drawSeries, resnetShapes, writeWeights } from './speed-files.ts';
import { benchKernels } from './speed-kernels.ts';
import type { BenchTable } from './table.ts';
import { hasProgram, medianOf, type ProcessTime, timeProcess } from './timing.ts';

const GIT = ['git', '-c', 'user.name=bench', '-c', 'user.email=bench@example.org', '-c', 'gc.auto=0'];
const FILE = 'model.safetensors';

/** A program at work on one file; `prepare` is not measured. */
interface Step {
  readonly name: string;
  prepare(folder: string): void;
  readonly commands: readonly (readonly string[])[];
}

interface Case {
  readonly name: string;
  /** The file's predecessor, stored before; absent for a first checkpoint. */
  readonly before?: string;
  readonly file: string;
}

function addTimes(a: ProcessTime, b: ProcessTime): ProcessTime {
  return { wallMs: a.wallMs + b.wallMs, cpuMs: a.cpuMs + b.cpuMs };
}

function timeStep(step: Step, folder: string): ProcessTime {
  step.prepare(folder);
  return step.commands
    .map((command) => timeProcess(folder, command))
    .reduce((sum, time) => addTimes(sum, time), { wallMs: 0, cpuMs: 0 });
}

function gitSteps({ file }: Case): readonly Step[] {
  const start = (folder: string) => {
    rmSync(join(folder, '.git'), { recursive: true, force: true });
    runProgram(folder, [...GIT, 'init', '--quiet']);
    copyFileSync(file, join(folder, FILE));
  };
  const startLfs = (folder: string) => {
    start(folder);
    runProgram(folder, [...GIT, 'lfs', 'install', '--local']);
    runProgram(folder, [...GIT, 'lfs', 'track', '*.safetensors']);
  };
  const commands = [
    [...GIT, 'add', FILE],
    [...GIT, 'commit', '--quiet', '-m', 'one'],
  ];
  const git = { name: 'git add, commit', prepare: start, commands };
  return hasProgram('git-lfs') ? [git, { name: 'git-lfs add, commit', prepare: startLfs, commands }] : [git];
}

const nothing = () => undefined;

function plainSteps({ file }: Case): readonly Step[] {
  const steps = [
    { name: 'sha256sum', prepare: nothing, commands: [['sha256sum', file]] },
    { name: 'cp', prepare: nothing, commands: [['cp', file, 'copy']] },
  ];
  const zstd = {
    name: 'zstd -3',
    prepare: nothing,
    commands: [['zstd', '-q', '-f', '-3', '-T1', file, '-o', 'copy.zst']],
  };
  return hasProgram('zstd') ? [...steps, zstd] : steps;
}

/** Adding to a repository that holds the predecessor, restoring what was added, and looking at it. */
function wsvcSteps({ file, before }: Case, template: string): readonly Step[] {
  rmSync(template, { recursive: true, force: true });
  mkdirSync(template);
  runProgram(template, wsvcCommand('init'));
  if (before !== undefined) {
    copyFileSync(before, join(template, FILE));
    runProgram(template, wsvcCommand('add', FILE));
    runProgram(template, wsvcCommand('commit', '-m', 'before'));
  }
  const fresh = (folder: string) => {
    rmSync(join(folder, '.wsvc'), { recursive: true, force: true });
    cpSync(join(template, '.wsvc'), join(folder, '.wsvc'), { recursive: true });
    copyFileSync(file, join(folder, FILE));
  };
  const saved = (folder: string) => {
    runProgram(folder, wsvcCommand('commit', '-m', 'after'));
    rmSync(join(folder, FILE));
  };
  return [
    { name: 'wsvc add', prepare: fresh, commands: [wsvcCommand('add', FILE)] },
    { name: 'wsvc restore', prepare: saved, commands: [wsvcCommand('restore', FILE)] },
    { name: 'wsvc status', prepare: nothing, commands: [wsvcCommand('status')] },
  ];
}

function checkRestored(folder: string, { file, name }: Case): void {
  if (!readFileSync(file).equals(readFileSync(join(folder, FILE)))) throw new Error(`${name}: restored other bytes`);
}

async function benchCase(one: Case, rounds: number): Promise<readonly (readonly string[])[]> {
  return withFolder((folder) => {
    const work = join(folder, 'work');
    mkdirSync(work);
    const steps = [...plainSteps(one), ...gitSteps(one), ...wsvcSteps(one, join(folder, 'template'))];
    const measured = Array.from({ length: rounds }, () => {
      const times = steps.map((step) => timeStep(step, work));
      checkRestored(work, one);
      return times;
    });
    const megabytes = statSync(one.file).size / 1e6;
    return steps.map(({ name }, i) => {
      const cpu = medianOf(measured.map((round) => round[i]?.cpuMs ?? Number.NaN));
      const wall = medianOf(measured.map((round) => round[i]?.wallMs ?? Number.NaN));
      const ratio = medianOf(
        measured.map((round) => (round[i]?.cpuMs ?? Number.NaN) / (round[0]?.cpuMs ?? Number.NaN)),
      );
      return [one.name, name, cpu.toFixed(0), wall.toFixed(0), ratio.toFixed(1), (megabytes / (cpu / 1000)).toFixed(0)];
    });
  });
}

async function writeCases(folder: string, seed: number, large: boolean): Promise<readonly Case[]> {
  const stages = large ? [64, 128, 256, 512] : [32, 64, 128, 256];
  const cases: Case[] = [];
  for (const dtype of ['f32', 'bf16'] as const satisfies readonly DType[]) {
    const series = drawSeries(resnetShapes(stages), 2, seed);
    for (const [i, weights] of series.entries())
      await writeWeights(folder, `${dtype}-${i}.safetensors`, weights, dtype);
    const [first, second] = [0, 1].map((i) => join(folder, `${dtype}-${i}.safetensors`));
    if (first === undefined || second === undefined) continue;
    cases.push({ name: `${dtype}, first`, file: first }, { name: `${dtype}, next`, file: second, before: first });
  }
  return cases;
}

async function benchPrograms(seed: number, large: boolean, report: (text: string) => void): Promise<BenchTable> {
  const rounds = large ? 3 : 2;
  return withFolder(async (folder) => {
    const rows: (readonly string[])[] = [];
    for (const one of await writeCases(folder, seed, large)) {
      report(one.name);
      rows.push(...(await benchCase(one, rounds)));
    }
    const absent = ['git-lfs', 'zstd'].filter((program) => !hasProgram(program));
    return {
      title: 'Speed: whole processes on one file, beside hashing and copying it',
      columns: ['file', 'command', 'CPU, ms', 'wall, ms', 'CPU, times sha256sum', 'MB a second of CPU'],
      rows,
      notes: [
        `A ResNet-18 of ${large ? '11.2' : '2.8'} million weights, drawn, in one safetensors file; “next” is one fine-tuning step after “first”, which is stored. Medians of ${rounds} rounds, all commands in each; seed ${seed}; Node ${process.version}.`,
        'Every restored file was compared byte by byte. `wsvc status` shows what starting costs, which the others contain.',
        ...(absent.length > 0 ? [`Not installed here, so not measured: ${absent.join(', ')}.`] : []),
      ],
    };
  });
}

export const speed: Bench = {
  name: 'speed',
  about:
    'CPU and wall time of add, restore and status on one file, beside sha256sum, cp, zstd, git and git-lfs; the loops over weights',
  async *run({ seed, large, report }) {
    yield benchKernels(seed);
    yield await benchPrograms(seed, large, report);
  },
};
