import { isUtf8 } from 'node:buffer';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { openFileSource } from '../bytes/file-source.ts';
import { WsvcError } from '../errors.ts';
import { tfjs } from '../formats/tfjs/index.ts';
import { checkTreePath } from '../store/ref-names.ts';
import type { Repository } from './repository.ts';
import type { SkippedFile } from './results.ts';

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
function looksLikeModel(name: string): boolean {
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

/** Hears of files and folders that are passed over: their path as it can be shown, and why. */
type TellSkipped = (skipped: { readonly file: string; readonly problem: string }) => void;

const NO_UTF8 = 'Its name is not UTF-8. Rename it first.';

/** Every file that looks like a model, below a folder, in name order. Names that are no UTF-8 cannot be told to anybody, and are passed over. */
export async function* walkModelFiles(folder: string, tellSkipped: TellSkipped = () => {}): AsyncIterable<string> {
  const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  entries.sort((a, b) => Buffer.compare(a.name, b.name));
  for (const entry of entries) {
    const name = entry.name.toString('utf8');
    const full = path.join(folder, name);
    if (!isUtf8(entry.name)) {
      if (entry.isDirectory() || looksLikeModel(name)) tellSkipped({ file: full, problem: NO_UTF8 });
    } else if (entry.isDirectory() && !SKIPPED_FOLDERS.has(name)) yield* walkModelFiles(full, tellSkipped);
    else if (entry.isFile() && (await mayBeModel(full))) yield full;
  }
}

/** Why a path cannot be committed. */
function findPathProblem(treePath: string): string | undefined {
  try {
    checkTreePath(treePath);
    return undefined;
  } catch (error) {
    if (error instanceof WsvcError) return error.message;
    throw error;
  }
}

/** The model files below a folder that can be taken in, as they stand in trees, and those that cannot. */
export async function listModelFiles(
  repository: Repository,
  folder: string,
): Promise<{ readonly files: readonly string[]; readonly skipped: readonly SkippedFile[] }> {
  const files: string[] = [];
  const skipped: SkippedFile[] = [];
  const skip: TellSkipped = ({ file, problem }) => skipped.push({ path: toTreePath(repository, file), problem });
  for await (const file of walkModelFiles(folder, skip)) {
    const problem = findPathProblem(toTreePath(repository, file));
    if (problem === undefined) files.push(file);
    else skip({ file, problem });
  }
  return { files, skipped };
}

/** Refuses a path of the work tree below a folder that is a link: it leads elsewhere, perhaps out of the work tree. @throws WsvcError `usage` */
export async function checkNotBeyondLink(repository: Repository, absolute: string): Promise<void> {
  const relative = path.relative(repository.workTree, absolute);
  if (relative.startsWith('..') || path.isAbsolute(relative)) return;
  for (let at = path.dirname(relative); at !== '.'; at = path.dirname(at)) {
    const found = await lstat(path.join(repository.workTree, at)).catch(() => undefined);
    if (!found?.isSymbolicLink()) continue;
    throw new WsvcError('usage', `${toTreePath(repository, absolute)} is beyond a symbolic link (${at}).`, {
      suggestions: [`Nothing was changed. Move the link ${at} away, or put a folder in its place.`],
    });
  }
}

/** True where something stands at a path, be it a link that leads nowhere. */
export function isPresent(absolute: string): Promise<boolean> {
  return lstat(absolute).then(
    () => true,
    () => false,
  );
}

/** Why there is nothing to read at a path. */
async function describeAbsent(absolute: string, named: string): Promise<string> {
  if (await isPresent(absolute)) return `${named} is a link to a file that is not there.`;
  // Bytes that are no UTF-8 arrive as this character.
  const isGarbled = named.includes('\uFFFD');
  return `There is no file ${named}${isGarbled ? ': its name may not be UTF-8, rename it first' : ''}.`;
}

async function statNamed(absolute: string, named: string): Promise<Awaited<ReturnType<typeof stat>>> {
  try {
    return await stat(absolute);
  } catch (cause) {
    throw new WsvcError('not-found', await describeAbsent(absolute, named), { cause });
  }
}

/**
 * Resolves files and folders that the user named to files of the work tree; of a folder, those that look like models. What is found in a
 * folder and cannot be taken in under its name is passed over.
 *
 * @throws WsvcError `not-found` or `usage`; also when nothing is found at all.
 */
export async function resolveModelFiles(
  repository: Repository,
  named: readonly string[],
): Promise<{ readonly files: readonly string[]; readonly skipped: readonly SkippedFile[] }> {
  const found = new Set<string>();
  const skipped: SkippedFile[] = [];
  for (const name of named) {
    const absolute = await resolveInWorkTree(repository, name);
    const kind = await statNamed(absolute, name);
    if (kind.isDirectory()) {
      const below = await listModelFiles(repository, absolute);
      for (const file of below.files) found.add(file);
      skipped.push(...below.skipped);
    } else if (!kind.isFile()) {
      throw new WsvcError('usage', `${name} is neither a file nor a folder.`);
    } else {
      // Before anything is read: a name that no tree can hold shall not stop the command half-way.
      checkTreePath(toTreePath(repository, absolute));
      found.add(absolute);
    }
  }
  if (found.size === 0) {
    const passed = skipped.map(({ path: file, problem }) => `${JSON.stringify(file)}: ${problem}`);
    throw new WsvcError(
      'not-found',
      `No model files in ${named.join(', ')}${passed.length > 0 ? ' that can be taken in' : ''}.`,
      {
        suggestions: [
          ...passed,
          `wsvc looks for ${MODEL_ENDINGS.slice(0, 8).join(', ')} and more; name other files one by one.`,
        ],
      },
    );
  }
  return { files: [...found], skipped };
}
