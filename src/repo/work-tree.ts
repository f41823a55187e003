import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { openFileSource } from '../bytes/file-source.ts';
import { WsvcError } from '../errors.ts';
import { tfjs } from '../formats/tfjs/index.ts';
import { checkTreePath } from '../store/ref-names.ts';
import type { Repository } from './repository.ts';

/** Folders that never hold a user's models. */
export const SKIPPED_FOLDERS = new Set(['.wsvc', '.git', 'node_modules', '__pycache__', '.venv']);

/** Endings of files that are offered as checkpoints when a folder is named, or `status` looks for untracked ones. */
const MODEL_ENDINGS = [
  '.safetensors',
  '.pt',
  '.pth',
  '.bin',
  '.ckpt',
  '.npz',
  '.npy',
  '.onnx',
  '.h5',
  '.hdf5',
  '.keras',
  '.gguf',
  '.ggml',
  '.tflite',
  '.pkl',
  '.joblib',
  '.zip',
  '.index',
  '.tar',
  '.jit',
] as const;

/** JSON files that are the primary file of a checkpoint. */
const MODEL_JSON = /(^|[/\\])model\.json$|\.index\.json$/;

/** What is read of other JSON files. */
const JSON_HEAD_BYTES = 4096;

/** True for names that a model file usually has. */
export function looksLikeModel(name: string): boolean {
  return MODEL_JSON.test(name) || MODEL_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending));
}

/** Reads as much of a JSON file as tells a TensorFlow.js model; a file that cannot be read is none. */
async function isModelJson(file: string): Promise<boolean> {
  const source = await openFileSource(file).catch(() => undefined);
  if (source === undefined) return false;
  try {
    return tfjs.matches(await source.read(0, Math.min(JSON_HEAD_BYTES, source.byteLength)), file, source.byteLength);
  } catch {
    return false;
  } finally {
    await source.close();
  }
}

/** Any JSON may be a TensorFlow.js model: what it is called does not say. */
async function mayBeModel(file: string): Promise<boolean> {
  return looksLikeModel(file) || (file.toLowerCase().endsWith('.json') && (await isModelJson(file)));
}

/** Turns a path of the work tree into the form that trees and pointers use: relative, with `/`. */
export function toTreePath(repository: Repository, absolute: string): string {
  return path.relative(repository.workTree, absolute).split(path.sep).join('/');
}

/**
 * Resolves what the user named to a file of the work tree.
 *
 * @throws WsvcError `usage` when it lies outside.
 */
export async function resolveInWorkTree(repository: Repository, named: string): Promise<string> {
  const absolute = path.resolve(repository.environment.workingDirectory, named);
  const real = await realpath(path.dirname(absolute)).then(
    (folder) => path.join(folder, path.basename(absolute)),
    () => absolute,
  );
  const relative = path.relative(await realpath(repository.workTree), real);
  if (relative.split(path.sep)[0] === '..' || path.isAbsolute(relative)) {
    throw new WsvcError('usage', `${named} is outside the repository at ${repository.workTree}.`, {
      suggestions: ['Copy the file into the repository, or run "wsvc init" in a folder that holds it.'],
    });
  }
  if (relative.split(path.sep)[0] === path.basename(repository.directory)) {
    throw new WsvcError('usage', `${named} is part of the repository itself.`);
  }
  return path.join(repository.workTree, relative);
}

/** Every file that looks like a model, below a folder, in name order. */
export async function* walkModelFiles(folder: string): AsyncIterable<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) yield* walkModelFiles(full);
    else if (entry.isFile() && (await mayBeModel(full))) yield full;
  }
}

async function statNamed(absolute: string, named: string): Promise<Awaited<ReturnType<typeof stat>>> {
  try {
    return await stat(absolute);
  } catch (cause) {
    throw new WsvcError('not-found', `There is no file ${named}.`, { cause });
  }
}

/**
 * Resolves files and folders that the user named to files of the work tree; of a folder, those that look like models.
 *
 * @throws WsvcError `not-found` or `usage`; also when nothing is found at all.
 */
export async function resolveModelFiles(repository: Repository, named: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const name of named) {
    const absolute = await resolveInWorkTree(repository, name);
    const kind = await statNamed(absolute, name);
    if (kind.isDirectory()) for await (const file of walkModelFiles(absolute)) found.add(file);
    else if (kind.isFile()) found.add(absolute);
    else throw new WsvcError('usage', `${name} is neither a file nor a folder.`);
  }
  // Before anything is read: a name that no tree can hold shall not stop the command half-way.
  for (const file of found) checkTreePath(toTreePath(repository, file));
  if (found.size === 0) {
    throw new WsvcError('not-found', `No model files in ${named.join(', ')}.`, {
      suggestions: [`wsvc looks for ${MODEL_ENDINGS.slice(0, 8).join(', ')} and more; name other files one by one.`],
    });
  }
  return [...found];
}
