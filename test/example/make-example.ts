// Makes the example repository: `npm run example` writes .wsvc-example anew, the same on every machine.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeNpz } from '../../src/formats/numpy/index.ts';
import { writePytorch } from '../../src/formats/pytorch/index.ts';
import { writeSafetensors } from '../../src/formats/safetensors/index.ts';
import type { FormatWriter, WritableTensor } from '../../src/formats/writer.ts';
import type { Environment } from '../../src/repo/environment.ts';
import { importFiles } from '../../src/repo/import-files.ts';
import type { Operation } from '../../src/repo/operation.ts';
import { createTag } from '../../src/repo/refs.ts';
import { initRepository, openRepository } from '../../src/repo/repository.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';
import { copyNet, createSamples, createTinyNet, type TinyNet, trainTinyNet } from './tiny-net.ts';

/** A checkpoint of the example: what it really is, and the name that says nothing. */
export interface ExampleFile {
  readonly name: string;
  readonly truth: { readonly run: string; readonly step: number };
  readonly writer: FormatWriter;
  readonly tensors: readonly WritableTensor[];
}

const WRITERS = [writeSafetensors, writePytorch, writeNpz] as const;
const ENDINGS = ['.safetensors', '.pt', '.npz'] as const;

function tensorsOf(net: TinyNet): readonly WritableTensor[] {
  return net.layers.flatMap(({ weight, bias, inputs, outputs }, index) => {
    const make = (name: string, shape: readonly number[], values: Float64Array): WritableTensor => ({
      name: `fc${index + 1}.${name}`,
      dtype: 'f32',
      shape,
      async *bytes() {
        yield encodeFromFloat32('f32', Float32Array.from(values));
      },
    });
    return [make('weight', [outputs, inputs], weight), make('bias', [outputs], bias)];
  });
}

/** Two runs of six checkpoints, and a fork of the first that goes on with other data after its fourth. */
export function exampleFiles(): readonly ExampleFile[] {
  const files: ExampleFile[] = [];
  const save = (run: string, step: number, net: TinyNet): void => {
    const kind = files.length % WRITERS.length;
    const name = `${((files.length * 7919 + 4242) % 9973).toString(16).padStart(4, '0')}${ENDINGS[kind] ?? ''}`;
    files.push({
      name,
      truth: { run, step },
      writer: WRITERS[kind] ?? writeSafetensors,
      tensors: tensorsOf(copyNet(net)),
    });
  };
  for (const [run, seed] of [
    ['first', 1],
    ['second', 7],
  ] as const) {
    const net = createTinyNet(seed);
    for (let step = 0; step < 6; step++) {
      trainTinyNet(net, createSamples(7), 3);
      save(run, step, net);
      if (run === 'first' && step === 3) saveFork(net, save);
    }
  }
  return files;
}

function saveFork(from: TinyNet, save: (run: string, step: number, net: TinyNet) => void): void {
  const net = copyNet(from);
  for (let step = 4; step < 8; step++) {
    trainTinyNet(net, createSamples(8, 0.5), 3);
    save('fork', step, net);
  }
}

/** Clock and author that never change. */
export function exampleEnvironment(folder: string): Environment {
  return {
    workingDirectory: folder,
    author: { name: 'Example', email: 'example@example.org' },
    now: () => Date.UTC(2026, 0, 1, 12),
    timezoneOffset: 0,
  };
}

async function finish<Result>(operation: Operation<Result>): Promise<Result> {
  for (;;) {
    const step = await operation.next();
    if (step.done) return step.value;
  }
}

/** Writes the files below `folder/models`, and imports them into a new repository beside it. */
export async function makeExample(folder: string): Promise<void> {
  await mkdir(path.join(folder, 'models'), { recursive: true });
  for (const { name, writer, tensors } of exampleFiles()) {
    for (const file of writer.write(tensors, { fileName: name })) {
      const pieces: Uint8Array[] = [];
      for await (const piece of file.bytes()) pieces.push(piece);
      await writeFile(path.join(folder, 'models', file.name), Buffer.concat(pieces));
    }
  }
  await initRepository(folder);
  const repository = await openRepository(exampleEnvironment(folder));
  await finish(importFiles(repository, [path.join(folder, 'models')]));
  // A ref with a file of its own: git keeps no empty folder, and takes a repository without `refs/` for none.
  await createTag(repository, 'released');
}

/** Derived data, and what only a running process needs, is no part of the example. */
export const NOT_KEPT = ['derived', 'tmp', 'lock'] as const;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL('../../.wsvc-example', import.meta.url));
  for (const name of ['models', '.wsvc']) await rm(path.join(folder, name), { recursive: true, force: true });
  await makeExample(folder);
  for (const name of NOT_KEPT) await rm(path.join(folder, '.wsvc', name), { recursive: true, force: true });
}
