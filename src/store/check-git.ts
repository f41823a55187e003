import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { parseGitObjectId } from '../objects/ids.ts';
import { type Disk, isMissing } from './disk.ts';
import { findConfigProblems } from './git-config.ts';
import { isRecordRef } from './git-records.ts';
import { GitRefs } from './git-refs.ts';
import { endsInChecksum } from './remake-git-packs.ts';
import { findStrangeLines } from './survey-refs.ts';

/** Something that is wrong in git's part of a repository. */
export interface GitFinding {
  /** The file, relative to the repository, or the object's id. */
  readonly object: string;
  readonly problem: string;
}

const decoder = new TextDecoder();

const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

function isWholeLoose(id: string, deflated: Uint8Array): boolean {
  try {
    return sha1(inflateSync(deflated)) === id;
  } catch {
    return false;
  }
}

/** A file that was listed; `undefined` when a collection, which may run meanwhile, has taken it away. */
async function readListed(path: string, disk: Disk): Promise<Uint8Array | undefined> {
  try {
    return await disk.readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function* checkLoose(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  for (const folder of await disk.list(join(directory, 'objects'))) {
    if (!/^[0-9a-f]{2}$/.test(folder)) continue;
    for (const name of await disk.list(join(directory, 'objects', folder))) {
      const id = `${folder}${name}`;
      if (!/^[0-9a-f]{40}$/.test(id)) continue;
      const bytes = await readListed(join(directory, 'objects', folder, name), disk);
      if (bytes === undefined || isWholeLoose(id, bytes)) continue;
      yield { object: parseGitObjectId(id), problem: 'The git object does not match its name.' };
    }
  }
}

async function* checkPacks(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  const names = await disk.list(join(directory, 'objects', 'pack'));
  for (const name of names.filter((one) => /\.(pack|idx)$/.test(one))) {
    const bytes = await readListed(join(directory, 'objects', 'pack', name), disk);
    if (bytes === undefined || endsInChecksum(bytes)) continue;
    yield { object: `objects/pack/${name}`, problem: 'The file does not match its checksum.' };
  }
}

async function* checkConfig(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  if ((await disk.find(join(directory, 'config'))) === undefined) {
    yield { object: 'config', problem: 'The file is missing; git does not work without it.' };
    return;
  }
  const text = decoder.decode(await disk.readFile(join(directory, 'config')));
  for (const problem of findConfigProblems(text)) yield { object: 'config', problem };
}

/** Whether HEAD is on a branch that is not there although others or tags are: the branch was lost, and others may be. */
export async function isHeadLost(directory: string, disk: Disk): Promise<boolean> {
  const refs = new GitRefs(directory, disk);
  if ((await refs.readHead()).commit !== undefined) return false;
  return (await refs.list('any')).some(({ fullName }) => !isRecordRef(fullName));
}

/** Lines that the readers pass over without a word. */
async function* checkPackedRefs(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  for (const line of await findStrangeLines(directory, disk)) {
    yield { object: 'packed-refs', problem: `It has a line that is not understood: ${JSON.stringify(line)}.` };
  }
}

/** Folders without which git takes a directory for no repository. */
async function* checkFolders(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  for (const name of ['objects', 'refs'])
    if ((await disk.find(join(directory, name)))?.kind !== 'directory')
      yield { object: name, problem: 'The folder is missing.' };
}

/** Checks every file of git's part of a repository but refs (`checkRefs`), whether the history reaches what it holds or not. */
export async function* checkGit(directory: string, disk: Disk): AsyncGenerator<GitFinding, void, void> {
  yield* checkLoose(directory, disk);
  yield* checkPacks(directory, disk);
  yield* checkConfig(directory, disk);
  yield* checkFolders(directory, disk);
  yield* checkPackedRefs(directory, disk);
}
