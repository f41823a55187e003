import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { collectBytes } from '../../src/bytes/collect.ts';
import { writeSafetensors } from '../../src/formats/safetensors/index.ts';
import { addFiles } from '../../src/repo/add-files.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import type { Operation } from '../../src/repo/operation.ts';
import { initRepository, openRepository, type Repository } from '../../src/repo/repository.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';
import { createRandom } from '../bench/small-net.ts';

/** Runs an operation to its end, without looking at its progress. */
export async function finish<Result>(operation: Operation<Result>): Promise<Result> {
  for (;;) {
    const step = await operation.next();
    if (step.done) return step.value;
  }
}

const environmentOf = (folder: string) => ({
  workingDirectory: folder,
  author: { name: 'A. Tester', email: 'a@example.com' },
  now: () => Date.UTC(2026, 0, 1),
  timezoneOffset: 0,
});

export const openIn = (folder: string): Promise<Repository> => openRepository(environmentOf(folder));

export async function createIn(folder: string): Promise<Repository> {
  await initRepository(folder);
  return openIn(folder);
}

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}
export type Model = Readonly<Record<string, Matrix>>;

/** The bytes of a safetensors file of f32 matrices. */
export async function safetensorsOf(model: Model): Promise<Uint8Array> {
  const tensors = Object.entries(model).map(([name, { rows, columns, values }]) => ({
    name,
    dtype: 'f32' as const,
    shape: [rows, columns],
    async *bytes() {
      yield encodeFromFloat32('f32', values);
    },
  }));
  const [file] = writeSafetensors.write(tensors, { fileName: 'model.safetensors' });
  if (file === undefined) throw new Error('one file is written');
  return collectBytes(file.bytes());
}

export function randomMatrix(rows: number, columns: number, seed: number, size = 0.05): Matrix {
  const { normal } = createRandom(seed);
  return { rows, columns, values: Float32Array.from({ length: rows * columns }, () => normal() * size) };
}

/** A step of training: every weight moves a little. */
export function moveModel(model: Model, seed: number, size = 1e-4): Model {
  const { normal } = createRandom(seed);
  return Object.fromEntries(
    Object.entries(model).map(([name, matrix]) => [
      name,
      { ...matrix, values: matrix.values.map((value) => value + normal() * size) },
    ]),
  );
}

export async function writeModel(folder: string, name: string, model: Model): Promise<string> {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, await safetensorsOf(model));
  return file;
}

/** Adds files and commits them; the operations see the repository as a new process would. */
export async function saveFiles(folder: string, files: readonly string[], message = 'save'): Promise<void> {
  await finish(addFiles(await openIn(folder), files));
  await finish(commitStaged(await openIn(folder), { message }));
}
