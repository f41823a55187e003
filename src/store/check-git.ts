import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { WsvcError } from '../errors.ts';
import { parseGitObjectId } from '../objects/ids.ts';
import type { Disk } from './disk.ts';
import { isRecordRef } from './git-records.ts';
import { GitRefs } from './git-refs.ts';

/** Something that is wrong in git's part of a repository. */
export interface GitFinding {
  /** The file, relative to the repository, or the object's id. */
  readonly object: string;
  readonly problem: string;
}

const SHA1_BYTES = 20;
const decoder = new TextDecoder();

const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

function isWholeLoose(id: string, deflated: Uint8Array): boolean {
  try {
    return sha1(inflateSync(deflated)) === id;
  } catch {
    return false;
  }
}

async function* checkLoose(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  for (const folder of await disk.list(join(directory, 'objects'))) {
    if (!/^[0-9a-f]{2}$/.test(folder)) continue;
    for (const name of await disk.list(join(directory, 'objects', folder))) {
      const id = `${folder}${name}`;
      if (!/^[0-9a-f]{40}$/.test(id)) continue;
      if (isWholeLoose(id, await disk.readFile(join(directory, 'objects', folder, name)))) continue;
      yield { object: parseGitObjectId(id), problem: 'The git object does not match its name.' };
    }
  }
}

/** Packs of git and their indices end in the SHA-1 of what stands before. */
async function* checkPacks(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  const names = await disk.list(join(directory, 'objects', 'pack'));
  for (const name of names.filter((one) => /\.(pack|idx)$/.test(one))) {
    const bytes = await disk.readFile(join(directory, 'objects', 'pack', name));
    const end = Math.max(0, bytes.byteLength - SHA1_BYTES);
    if (sha1(bytes.subarray(0, end)) === Buffer.from(bytes.subarray(end)).toString('hex')) continue;
    yield { object: `objects/pack/${name}`, problem: 'The file does not match its checksum.' };
  }
}

/** Values that wsvc writes into `config`, and what they may be; other sections are the user's own. */
const SETTINGS: Readonly<Record<string, RegExp>> = {
  'core.repositoryformatversion': /^0$/,
  'core.filemode': /^(true|false)$/,
  'core.bare': /^true$/,
  'core.logallrefupdates': /^(true|false|always)$/,
  'wsvc.format': /^[12]$/,
};
/** Further settings of git in its `core` section that somebody may have made. */
const OTHER_CORE = new Set(
  'abbrev attributesfile bigfilethreshold commentchar commitgraph compression editor excludesfile fsmonitor fsync fsyncmethod hookspath ignorecase loosecompression multipackindex packedgitlimit packedgitwindowsize pager precomposeunicode preloadindex quotepath sharedrepository sshcommand symlinks untrackedcache'.split(
    ' ',
  ),
);
const REQUIRED = ['core.repositoryformatversion', 'core.bare', 'wsvc.format'];

/** What is wrong with a line of `config`, given the section that it stands in. */
function findBadLine(line: string, section: string): string | undefined {
  if (section !== 'core' && section !== 'wsvc') return undefined;
  const [, key, value = ''] = /^[\t ]*([A-Za-z][A-Za-z0-9-]*) *= *(.*?) *$/.exec(line) ?? [];
  const isCommentOrEmpty = /^[\t ]*([#;].*)?$/.test(line);
  if (isCommentOrEmpty) return undefined;
  if (section === 'core' && key !== undefined && OTHER_CORE.has(key.toLowerCase())) return undefined;
  const allowed = key === undefined ? undefined : SETTINGS[`${section}.${key.toLowerCase()}`];
  return allowed?.test(value) === true ? undefined : `It has a line that is not understood: ${JSON.stringify(line)}.`;
}

async function* checkConfig(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  let section = '';
  const found = new Set<string>();
  for (const line of decoder.decode(await disk.readFile(join(directory, 'config'))).split('\n')) {
    const [, next] = /^\[([^\]]*)\]$/.exec(line) ?? [];
    if (next !== undefined) {
      section = next.toLowerCase();
      continue;
    }
    const problem = findBadLine(line, section);
    if (problem !== undefined) yield { object: 'config', problem };
    found.add(`${section}.${/^[\t ]*([A-Za-z0-9-]+)/.exec(line)?.[1]?.toLowerCase()}`);
  }
  for (const key of REQUIRED) if (!found.has(key)) yield { object: 'config', problem: `It does not say ${key}.` };
}

/** Whether HEAD is on a branch that is not there although others or tags are: the branch was lost, and others may be. */
export async function isHeadLost(directory: string, disk: Disk): Promise<boolean> {
  const refs = new GitRefs(directory, disk);
  if ((await refs.readHead()).commit !== undefined) return false;
  return (await refs.list('any')).some(({ fullName }) => !isRecordRef(fullName));
}

async function* checkHead(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  try {
    if (await isHeadLost(directory, disk)) yield { object: 'HEAD', problem: 'It names a branch that is not there.' };
  } catch (error) {
    if (!(error instanceof WsvcError)) throw error;
    yield { object: 'HEAD', problem: error.message };
  }
}

/** Lines that the readers pass over without a word. */
async function* checkPackedRefs(directory: string, disk: Disk): AsyncGenerator<GitFinding> {
  if ((await disk.find(join(directory, 'packed-refs'))) === undefined) return;
  const lines = decoder.decode(await disk.readFile(join(directory, 'packed-refs'))).split('\n');
  for (const line of lines) {
    if (/^([0-9a-f]{40} refs\/\S+|\^[0-9a-f]{40}|# pack-refs with:.*|)$/.test(line)) continue;
    yield { object: 'packed-refs', problem: `It has a line that is not understood: ${JSON.stringify(line)}.` };
  }
}

/** Checks every file of git's part of a repository, whether the history reaches what it holds or not. */
export async function* checkGit(directory: string, disk: Disk): AsyncGenerator<GitFinding, void, void> {
  yield* checkLoose(directory, disk);
  yield* checkPacks(directory, disk);
  yield* checkConfig(directory, disk);
  yield* checkHead(directory, disk);
  yield* checkPackedRefs(directory, disk);
}
