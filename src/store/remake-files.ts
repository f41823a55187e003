import { join } from 'node:path';
import { WsvcError } from '../errors.ts';
import { isPointer } from '../objects/pointer.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { findWholeObject } from './find-commits.ts';
import { findConfigProblems, keepUnderstood } from './git-config.ts';
import { decodeIndexFile, encodeIndexFile, salvageIndexEntries } from './git-index.ts';
import { GitObjects } from './git-objects.ts';
import { GitRefs } from './git-refs.ts';
import { CONFIG, checkFormatVersion, FORMAT_VERSION, PRUNED_FORMAT_VERSION } from './layout.ts';
import { checkTreePath } from './ref-names.ts';

/** A file of a repository that was lost or damaged, and made anew. */
export interface RemadeFile {
  /** Relative to the repository. */
  readonly file: string;
  /** What it holds now, and where that is from. */
  readonly how: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Replaces a file; what it held is kept beside, as `<name>.damaged`. */
async function replace(directory: string, name: string, bytes: Uint8Array, disk: Disk): Promise<void> {
  const path = join(directory, name);
  const options = { disk, temporaryDirectory: join(directory, 'tmp') };
  if ((await disk.find(path)) !== undefined) {
    await writeFileAtomic(`${path}.damaged`, await disk.readFile(path), options);
  }
  await writeFileAtomic(path, bytes, options);
}

function isUnreadable(error: unknown): boolean {
  return error instanceof WsvcError && (error.code === 'corrupt' || error.code === 'no-repository');
}

/** Makes `format` anew: only a repository with a record of pruned checkpoints has version 2. @throws WsvcError `format-version` */
export async function remakeFormat(directory: string, disk: Disk = nodeDisk): Promise<RemadeFile | undefined> {
  try {
    await checkFormatVersion(directory, disk);
    return undefined;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  const { refs, damaged } = await new GitRefs(directory, disk).examine();
  const isPruned = [...refs, ...damaged].some(({ fullName }) => fullName === 'refs/wsvc/pruned');
  const version = isPruned ? PRUNED_FORMAT_VERSION : FORMAT_VERSION;
  await replace(directory, 'format', encoder.encode(`${version}\n`), disk);
  const why = isPruned ? 'there is a record of pruned checkpoints' : 'there is no record of pruned checkpoints';
  return { file: 'format', how: `It says version ${version}: ${why}.` };
}

/** Makes `config` anew: what wsvc needs, and the lines of the old one that are understood. */
export async function remakeConfig(directory: string, disk: Disk = nodeDisk): Promise<RemadeFile | undefined> {
  const path = join(directory, 'config');
  const text = (await disk.find(path))?.kind === 'file' ? decoder.decode(await disk.readFile(path)) : undefined;
  if (text !== undefined && findConfigProblems(text).length === 0) return undefined;
  const kept = text === undefined ? '' : keepUnderstood(text);
  await replace(directory, 'config', encoder.encode(`${CONFIG}${kept}`), disk);
  const lost = kept === '' ? '' : ', and settings of your own that are understood';
  return { file: 'config', how: `It holds what wsvc writes${lost}.` };
}

/** Entries of a damaged staging area that name a pointer which can be read. */
async function salvageStaged(objects: GitObjects, bytes: Uint8Array) {
  const entries = new Map<string, Parameters<typeof findWholeObject>[1]>();
  for (const [path, id] of salvageIndexEntries(bytes)) {
    const object = await findWholeObject(objects, id);
    if (object?.type !== 'blob' || !isPointer(decoder.decode(object.content.subarray(0, 64)))) continue;
    try {
      checkTreePath(path);
    } catch {
      continue;
    }
    entries.set(path, id);
  }
  return entries;
}

/** Makes the staging area anew: with what of the damaged one names a pointer that can be read, and nothing else. */
export async function remakeIndex(directory: string, disk: Disk = nodeDisk): Promise<RemadeFile | undefined> {
  const path = join(directory, 'index');
  if ((await disk.find(path)) === undefined) return undefined;
  const bytes = await disk.readFile(path);
  try {
    decodeIndexFile(bytes);
    return undefined;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  const entries = await salvageStaged(new GitObjects(directory, disk), bytes);
  await replace(directory, 'index', encodeIndexFile(entries), disk);
  const names = [...entries.keys()].map((name) => JSON.stringify(name)).join(', ');
  const how =
    entries.size === 0
      ? 'Nothing is staged: no entry of it could be read. "wsvc status" says what is to be added again.'
      : `Staged are the entries of it that name a checkpoint: ${names}. "wsvc status" says whether files are missing.`;
  return { file: 'index', how };
}
