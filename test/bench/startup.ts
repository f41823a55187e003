import type { Bench } from './bench.ts';
import { runProgram, withFolder, wsvcCommand } from './program.ts';
import { createAdam, SmallNet } from './small-net.ts';
import type { BenchTable } from './table.ts';
import { compareToFirst, measureInRounds, timeProcess } from './timing.ts';
import { writeNet } from './write-net.ts';

const CHECKPOINTS = 6;
const WIDTHS = [16, 24, 10];
const COMMANDS: readonly (readonly string[])[] = [
  ['--version'],
  ['--help'],
  ['status'],
  ['log'],
  ['log', '--trajectory'],
  ['identify', 'unknown.safetensors'],
];

async function makeRepository(folder: string, seed: number): Promise<void> {
  const net = new SmallNet(WIDTHS, seed);
  const optimize = createAdam(2e-3);
  runProgram(folder, wsvcCommand('init'));
  for (let i = 0; i < CHECKPOINTS; i++) {
    net.train(20, optimize);
    await writeNet(folder, `ckpt-${i}.safetensors`, net, 'f32');
  }
  runProgram(folder, wsvcCommand('add', ...Array.from({ length: CHECKPOINTS }, (_, i) => `ckpt-${i}.safetensors`)));
  runProgram(folder, wsvcCommand('commit', '-m', 'Six checkpoints'));
  await writeNet(folder, 'unknown.safetensors', net, 'bf16');
}

async function benchStartup(seed: number, rounds: number): Promise<BenchTable> {
  return withFolder(async (folder) => {
    await makeRepository(folder, seed);
    const candidates = [
      { name: 'node -e 0', command: [process.execPath, '-e', '0'] },
      ...COMMANDS.map((args) => ({ name: `wsvc ${args.join(' ')}`, command: wsvcCommand(...args) })),
    ].map(({ name, command }) => ({ name, measure: () => timeProcess(folder, command) }));
    const measured = measureInRounds(candidates, rounds);
    const wall = measured.map((round) => round.map(({ wallMs }) => wallMs));
    const cpu = measured.map((round) => round.map(({ cpuMs }) => cpuMs));
    return {
      title: 'Start-up: whole processes, in multiples of bare Node',
      columns: ['command', 'wall, ms', 'wall, times node -e 0', 'CPU, ms', 'CPU, times node -e 0'],
      rows: candidates.map(({ name }, i) => [
        name,
        ...[compareToFirst(wall, i), compareToFirst(cpu, i)].flatMap(({ median, ratio }) => [
          median.toFixed(0),
          ratio.toFixed(2),
        ]),
      ]),
      notes: [
        `${rounds} rounds, all commands in each; medians, and medians of the ratios within a round. A repository of ${CHECKPOINTS} checkpoints of 658 weights; seed ${seed}; Node ${process.version}.`,
      ],
    };
  });
}

export const startup: Bench = {
  name: 'startup',
  about: 'wall and CPU time of commands in a small repository, in multiples of bare Node',
  async *run({ seed, large }) {
    yield await benchStartup(seed, large ? 51 : 9);
  },
};
