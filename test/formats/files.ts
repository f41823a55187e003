import { collectBytes } from '../../src/bytes/collect.ts';
import { memorySource } from '../../src/bytes/memory-source.ts';
import type { FileSet } from '../../src/bytes/source.ts';
import { BadFileError } from '../../src/errors.ts';
import type { OpenCheckpoint } from '../../src/formats/format.ts';
import { openKnownCheckpoint } from '../../src/formats/registry.ts';
import type { WrittenFile } from '../../src/formats/writer.ts';
import { decodeToFloat32 } from '../../src/tensors/decode.ts';

/** A file set in memory; the first name is the primary. */
export function memoryFiles(files: Readonly<Record<string, Uint8Array | string>>): FileSet {
  const contents = new Map(Object.entries(files));
  return {
    primary: Object.keys(files)[0] ?? '',
    async open(name) {
      const content = contents.get(name);
      return content === undefined ? undefined : memorySource(Buffer.from(content));
    },
  };
}

/** Opens one file in memory. */
export function openBytes(name: string, bytes: Uint8Array | string): Promise<OpenCheckpoint> {
  return openKnownCheckpoint(memoryFiles({ [name]: bytes }));
}

/** Plain bytes of one tensor. */
export async function tensorBytes(checkpoint: OpenCheckpoint, name: string): Promise<Uint8Array> {
  const tensor = checkpoint.tensors.find((candidate) => candidate.name === name);
  if (tensor === undefined) throw new Error(`there is no tensor ${name}`);
  return collectBytes(checkpoint.readTensor(tensor));
}

/** Values of one tensor. */
export async function tensorValues(checkpoint: OpenCheckpoint, name: string): Promise<readonly number[]> {
  const tensor = checkpoint.tensors.find((candidate) => candidate.name === name);
  return [...decodeToFloat32(tensor?.dtype ?? 'f32', await tensorBytes(checkpoint, name))];
}

/** Reads everything: what opening does not see must be seen then. */
export async function readAll(checkpoint: OpenCheckpoint): Promise<void> {
  for (const tensor of checkpoint.tensors) await collectBytes(checkpoint.readTensor(tensor));
}

/** Opens and reads a file; gives its error when that is a `BadFileError`, and lets any other through. */
export async function findProblem(files: FileSet): Promise<BadFileError | undefined> {
  try {
    await readAll(await openKnownCheckpoint(files));
    return undefined;
  } catch (error) {
    if (error instanceof BadFileError) return error;
    throw error;
  }
}

/** The rule that a file breaks. */
export async function brokenRule(files: FileSet): Promise<string> {
  return (await findProblem(files))?.broken.rule ?? 'none';
}

/** What a writer makes, as files in memory. */
export async function collectFiles(written: readonly WrittenFile[]): Promise<Readonly<Record<string, Uint8Array>>> {
  const entries: [string, Uint8Array][] = [];
  for (const file of written) entries.push([file.name, await collectBytes(file.bytes())]);
  return Object.fromEntries(entries);
}
