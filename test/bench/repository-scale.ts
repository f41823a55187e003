// Times whole commands in repositories of many small checkpoints: `tsx test/bench/repository-scale.ts [RUNS...]`, twenty checkpoints a run.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '../../src/formats/safetensors/index.ts';
import type { WritableTensor } from '../../src/formats/writer.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';
import { createSamples, createTinyNet, type TinyNet, trainTinyNet } from '../example/tiny-net.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const CHECKPOINTS_A_RUN = 20;
/** Files that are not imported, but added and identified afterwards: the next ones of the first run. */
const LATE = 4;

function tensorsOf(net: TinyNet): readonly WritableTensor[] {
  return net.layers.flatMap(({ weight, bias, inputs, outputs }, index) => {
    const make = (name: string, shape: readonly number[], values: Float64Array): WritableTensor => {
      const bytes = encodeFromFloat32('f32', Float32Array.from(values));
      return {
        name: `fc${index + 1}.${name}`,
        dtype: 'f32',
        shape,
        async *bytes() {
          yield bytes;
        },
      };
    };
    return [make('weight', [outputs, inputs], weight), make('bias', [outputs], bias)];
  });
}

async function save(file: string, net: TinyNet): Promise<void> {
  for (const written of writeSafetensors.write(tensorsOf(net), { fileName: path.basename(file) })) {
    const pieces: Uint8Array[] = [];
    for await (const piece of written.bytes()) pieces.push(piece);
    await writeFile(file, Buffer.concat(pieces));
  }
}

/** Trains small nets, and writes a file a checkpoint below `models`; the late ones below `late`. */
async function writeRuns(folder: string, runs: number): Promise<void> {
  await mkdir(path.join(folder, 'models'), { recursive: true });
  await mkdir(path.join(folder, 'late'), { recursive: true });
  for (let run = 0; run < runs; run++) {
    const net = createTinyNet(run + 1);
    const samples = createSamples(run + 100_000);
    const count = CHECKPOINTS_A_RUN + (run === 0 ? LATE : 0);
    for (let step = 0; step < count; step++) {
      trainTinyNet(net, samples, 3);
      const name = ((run * 1000 + step) * 7919).toString(36);
      const place = step < CHECKPOINTS_A_RUN ? `models/${name}` : `late/${step - CHECKPOINTS_A_RUN}`;
      await save(path.join(folder, `${place}.safetensors`), net);
    }
  }
}

function runProgram(folder: string, args: readonly string[]): { readonly seconds: number; readonly peak: string } {
  const start = performance.now();
  const child = spawnSync('/usr/bin/env', ['time', '-f', '%M', process.execPath, PROGRAM, ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    env: { ...process.env, WSVC_AUTHOR_NAME: 'Bench', WSVC_AUTHOR_EMAIL: 'bench@example.org' },
  });
  const seconds = (performance.now() - start) / 1000;
  if (child.status !== 0) throw new Error(`wsvc ${args.join(' ')}: ${child.stderr}${child.stdout}`);
  const peak = `${Math.round(Number(child.stderr.trim().split('\n').at(-1)) / 1024)} MiB`;
  return { seconds, peak };
}

/** Each command once cold (what a preceding change has left to compute), then warm: the least of three. */
async function measure(runs: number): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wsvc-scale-'));
  await writeRuns(folder, runs);
  const count = runs * CHECKPOINTS_A_RUN;
  const report = (name: string, { seconds, peak }: ReturnType<typeof runProgram>): void =>
    console.log(`${count}\t${name.padEnd(28)}\t${seconds.toFixed(3)} s\t${peak}`);
  const once = (name: string, args: readonly string[]) => report(name, runProgram(folder, args));
  const best = (name: string, args: readonly string[]): void => {
    const times = [1, 2, 3].map(() => runProgram(folder, args)).sort((a, b) => a.seconds - b.seconds);
    if (times[0] !== undefined) report(name, times[0]);
  };
  once('init', ['init']);
  once('import', ['import', 'models']);
  best('identify, stored', ['identify', 'models/0.safetensors', '--json']);
  best('identify, near', ['identify', 'late/0.safetensors', '--json']);
  best('status', ['status']);
  best('log --limit 5', ['log', '-n', '5']);
  best('log --trajectory run-1', ['log', '--trajectory', 'run-1']);
  once('add one more', ['add', 'late/1.safetensors']);
  once('commit it', ['commit']);
  once('status after', ['status']);
  once('identify after', ['identify', 'late/0.safetensors', '--json']);
  once('import again', ['import', 'models']);
  if (process.env.KEEP === '1') console.log(folder);
  else await rm(folder, { recursive: true, force: true });
}

for (const runs of process.argv.slice(2).map(Number)) await measure(runs);
