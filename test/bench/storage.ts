import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import type { DType } from '../../src/tensors/dtype.ts';
import type { Bench } from './bench.ts';
import { runProgram, withFolder, wsvcCommand } from './program.ts';
import { canTrainResNet } from './resnet-sets.ts';
import { createAdam, createSgd, type Optimizer, SmallNet } from './small-net.ts';
import { bytesBelow, PEERS, type Peer } from './storage-peers.ts';
import { benchResNet } from './storage-resnet.ts';
import type { BenchTable } from './table.ts';
import { hasProgram, timeProcess } from './timing.ts';
import { writeNet } from './write-net.ts';

const CHECKPOINTS = 10;
const STEPS_APART = 5;
const WIDTHS = [256, 512, 512, 10];
const LARGE_WIDTHS = [1024, 1536, 1536, 10];
/** So that the hash of a few megabytes takes longer than the clock's grain and a process's start. */
const HASHED_TIMES = 20;

interface Series {
  readonly name: string;
  readonly dtype: DType;
  readonly optimizer: () => Optimizer;
  /** Steps before the first checkpoint. */
  readonly warmUp: number;
}

const SERIES: readonly Series[] = [
  { name: 'SGD 1e-4', dtype: 'f32', optimizer: () => createSgd(1e-4, 0.9), warmUp: 60 },
  { name: 'SGD 1e-4', dtype: 'bf16', optimizer: () => createSgd(1e-4, 0.9), warmUp: 60 },
  { name: 'Adam 1e-3, early', dtype: 'f32', optimizer: () => createAdam(1e-3), warmUp: 0 },
  { name: 'AdamW 1e-5', dtype: 'f32', optimizer: () => createAdam(1e-5, 0.01), warmUp: 60 },
  { name: 'AdamW 1e-5', dtype: 'bf16', optimizer: () => createAdam(1e-5, 0.01), warmUp: 60 },
];

/** Trains a series and writes its checkpoints; returns their names in order. */
async function writeSeries(
  folder: string,
  series: Series,
  widths: readonly number[],
  seed: number,
): Promise<readonly string[]> {
  const net = new SmallNet(widths, seed);
  net.train(series.warmUp, createAdam(1e-3));
  const optimize = series.optimizer();
  const names: string[] = [];
  for (let i = 0; i < CHECKPOINTS; i++) {
    net.train(STEPS_APART, optimize);
    const name = `ckpt-${String(i).padStart(2, '0')}.safetensors`;
    await writeNet(folder, name, net, series.dtype);
    names.push(name);
  }
  return names;
}

const byteLengthOf = (folder: string, names: readonly string[]): number =>
  names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

interface Outcome {
  readonly blobs: number;
  readonly all: number;
  readonly addCpuMs: number;
  readonly restoreCpuMs: number;
  readonly startCpuMs: number;
  readonly addWallMs: number;
  readonly differing: number;
}

const countDiffering = (a: Uint8Array, b: Uint8Array): number =>
  a.filter((byte, i) => byte !== b[i]).length + Math.max(0, b.length - a.length);

/** Adds and commits the files one by one, as training would; restores all, and compares every byte. */
function runWsvc(folder: string, names: readonly string[]): Outcome {
  const before = names.map((name) => readFileSync(join(folder, name)));
  runProgram(folder, wsvcCommand('init'));
  const adds = names.map((name) => {
    const time = timeProcess(folder, wsvcCommand('add', name));
    runProgram(folder, wsvcCommand('commit', '-m', name));
    return time;
  });
  const startCpuMs = timeProcess(folder, wsvcCommand('status')).cpuMs;
  const proof: unknown = JSON.parse(runProgram(folder, wsvcCommand('fsck', '--prove', '--json')));
  const findings = typeof proof === 'object' && proof !== null ? Reflect.get(proof, 'findings') : undefined;
  if (!Array.isArray(findings) || findings.length > 0)
    throw new Error(`fsck --prove found ${JSON.stringify(findings)}`);
  runProgram(folder, ['rm', ...names]);
  const restore = timeProcess(folder, wsvcCommand('restore', ...names));
  const after = names.map((name) => readFileSync(join(folder, name)));
  return {
    blobs: bytesBelow(join(folder, '.wsvc', 'blobs')),
    all: bytesBelow(join(folder, '.wsvc')),
    addCpuMs: adds.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    addWallMs: adds.reduce((sum, { wallMs }) => sum + wallMs, 0),
    restoreCpuMs: restore.cpuMs,
    startCpuMs,
    differing: before.reduce((sum, bytes, i) => sum + countDiffering(bytes, after[i] ?? new Uint8Array()), 0),
  };
}

/** CPU time of hashing the files once, with the same program that people compare with. */
function hashCpuMs(folder: string, names: readonly string[]): number {
  const repeated = Array.from({ length: HASHED_TIMES }, () => names).flat();
  return timeProcess(folder, ['sha256sum', ...repeated]).cpuMs / HASHED_TIMES;
}

function zlibRatio(folder: string, names: readonly string[]): number {
  const coded = names.reduce((sum, name) => sum + deflateSync(readFileSync(join(folder, name))).length, 0);
  return coded / byteLengthOf(folder, names);
}

interface Measured {
  readonly sizes: readonly string[];
  readonly times: readonly string[];
  readonly parameters: number;
}

const ratio = (part: number, whole: number): string => (part / whole).toFixed(part / whole < 0.1 ? 4 : 3);

/** What peers make of the same files: stored bytes over raw, and CPU of adding over that of hashing. */
async function runPeer(peer: Peer, folder: string, names: readonly string[], hashMs: number) {
  return withFolder((place) => {
    const { storedBytes, cpuMs } = peer.store(
      place,
      names.map((name) => join(folder, name)),
    );
    return { stored: ratio(storedBytes, byteLengthOf(folder, names)), cpu: (cpuMs / hashMs).toFixed(1) };
  });
}

async function measureSeries(
  series: Series,
  widths: readonly number[],
  seed: number,
  peers: readonly Peer[],
): Promise<Measured> {
  return withFolder(async (folder) => {
    const names = await writeSeries(folder, series, widths, seed);
    const raw = byteLengthOf(folder, names);
    const hashMs = hashCpuMs(folder, names);
    const others = [];
    for (const peer of peers) others.push(await runPeer(peer, folder, names, hashMs));
    const zlib = zlibRatio(folder, names);
    const own = runWsvc(folder, names);
    const starts = names.length * own.startCpuMs;
    const label = [series.name, series.dtype];
    return {
      parameters: raw / CHECKPOINTS / (series.dtype === 'bf16' ? 2 : 4),
      sizes: [
        ...label,
        (raw / 1e6).toFixed(1),
        ratio(own.blobs, raw),
        ratio(own.all, raw),
        zlib.toFixed(3),
        ...others.map(({ stored }) => stored),
        String(own.differing),
      ],
      times: [
        ...label,
        hashMs.toFixed(0),
        (own.addCpuMs / hashMs).toFixed(1),
        ((own.addCpuMs - starts) / hashMs).toFixed(1),
        ((own.restoreCpuMs - own.startCpuMs) / hashMs).toFixed(1),
        (own.addWallMs / names.length).toFixed(0),
        ...others.map(({ cpu }) => cpu),
      ],
    };
  });
}

async function benchStorage(
  seed: number,
  widths: readonly number[],
  report: (text: string) => void,
): Promise<readonly BenchTable[]> {
  const peers = PEERS.filter(({ program }) => hasProgram(program));
  const absent = PEERS.filter(({ program }) => !hasProgram(program)).map(({ name }) => name);
  const measured: Measured[] = [];
  for (const series of SERIES) {
    report(`${series.name}, ${series.dtype}`);
    const result = await measureSeries(series, widths, seed, peers);
    report(`${result.sizes.join(' | ')}; ${result.times.join(' | ')}`);
    measured.push(result);
  }
  const notes = [
    `MLP of ${Math.round((measured[0]?.parameters ?? 0) / 1000)},000 weights, ${CHECKPOINTS} checkpoints a series, ${STEPS_APART} steps apart, one safetensors file each; seed ${seed}. Each file is added and committed by a process of its own.`,
    ...(absent.length > 0 ? [`Not installed here, so not measured: ${[...new Set(absent)].join(', ')}.`] : []),
  ];
  return [
    {
      title: 'Storage: stored bytes over raw bytes of a series of checkpoints, the first included',
      columns: [
        'series',
        'type',
        'raw MB',
        'wsvc, weights',
        'wsvc, everything',
        'zlib -6 a file',
        ...peers.map(({ name }) => name),
        'bytes that differ after restore',
      ],
      rows: measured.map(({ sizes }) => sizes),
      notes: [
        ...notes,
        '“weights” is `.wsvc/blobs`, “everything” all of `.wsvc`: history, sketches and caches too. `fsck --prove` found nothing in any of them.',
      ],
    },
    {
      title: 'Storage: CPU time of adding the series, in multiples of sha256sum of the same files',
      columns: [
        'series',
        'type',
        'sha256sum, CPU ms',
        'wsvc add',
        'wsvc add, less starts',
        'wsvc restore, less the start',
        'wsvc add, wall ms a file',
        ...peers.map(({ name }) => name),
      ],
      rows: measured.map(({ times }) => times),
      notes: [...notes, '“less starts” subtracts the CPU time of `wsvc status` for each process.'],
    },
  ];
}

export const storage: Bench = {
  name: 'storage',
  about: 'stored bytes and CPU of a series of checkpoints, against git, zlib and what else is installed',
  async *run({ seed, large, report }) {
    if (large && canTrainResNet()) {
      yield await benchResNet(seed, report);
      return;
    }
    if (large) report('NO PyTorch HERE: a fully connected network stands in for the ResNet-18.');
    yield* await benchStorage(seed, large ? LARGE_WIDTHS : WIDTHS, report);
  },
};
