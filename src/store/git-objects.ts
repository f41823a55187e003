import { createHash } from 'node:crypto';
import * as nodeFs from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { CorruptError, WsvcError } from '../errors.ts';
import { type GitObjectId, parseGitObjectId } from '../objects/ids.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { type Disk, isMissing } from './disk.ts';
import type { GitObject, GitObjectType, ObjectStore } from './git-object.ts';
import { GitPackReader } from './git-pack-reader.ts';
import { loadGit } from './isomorphic.ts';

/** An object as git hashes it, and as loose files hold it (deflated). */
function wrap({ type, content }: GitObject): Uint8Array {
  return Buffer.concat([Buffer.from(`${type} ${content.byteLength}\0`), content]);
}

export function gitObjectId(object: GitObject): GitObjectId {
  return parseGitObjectId(createHash('sha1').update(wrap(object)).digest('hex'));
}

const isObjectType = (type: string | undefined): type is GitObjectType =>
  type === 'blob' || type === 'tree' || type === 'commit' || type === 'tag';

function unwrap(bytes: Uint8Array): GitObject | undefined {
  const zero = bytes.indexOf(0);
  const [, type, byteLength] =
    /^(\w+) (\d+)$/.exec(Buffer.from(bytes.subarray(0, Math.max(0, zero))).toString('latin1')) ?? [];
  const content = bytes.subarray(zero + 1);
  return isObjectType(type) && Number(byteLength) === content.byteLength ? { type, content } : undefined;
}

/** Inflates a loose object and compares it with its name; `undefined` when it is damaged. */
function parseLoose(id: GitObjectId, deflated: Uint8Array): GitObject | undefined {
  try {
    const bytes = inflateSync(deflated);
    const isWhole = createHash('sha1').update(bytes).digest('hex') === id;
    return isWhole ? unwrap(bytes) : undefined;
  } catch {
    return undefined;
  }
}

/** True for isomorphic-git's errors of that code. */
export function isGitError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The file system without some files: isomorphic-git believes a damaged index, and would count to billions for one of its bits. */
function fsWithout(hidden: ReadonlySet<string>): { promises: typeof nodeFs.promises } {
  const readdir = async (folder: string): Promise<string[]> =>
    (await nodeFs.promises.readdir(folder)).filter((name) => !hidden.has(name));
  return { promises: { ...nodeFs.promises, readdir: readdir as typeof nodeFs.promises.readdir } };
}

/**
 * The object database of a bare git directory. wsvc writes loose objects itself (complete, durable, and never trusting
 * a file that is there without looking into it); isomorphic-git reads
 * the deltas in the packs that stock git makes.
 */
export class GitObjects implements ObjectStore {
  readonly gitDirectory: string;
  readonly #disk: Disk;
  readonly #packs: GitPackReader;
  /** isomorphic-git keeps the packs' indices here. */
  readonly cache: object = {};

  constructor(gitDirectory: string, disk: Disk) {
    this.gitDirectory = gitDirectory;
    this.#disk = disk;
    this.#packs = new GitPackReader(gitDirectory, disk);
  }

  #loosePath(id: GitObjectId): string {
    return join(this.gitDirectory, 'objects', id.slice(0, 2), id.slice(2));
  }

  async #findLoose(id: GitObjectId): Promise<Uint8Array | undefined> {
    try {
      return await this.#disk.readFile(this.#loosePath(id));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** The ids of all objects that are stored, whole or not; those in packs whose index cannot be read are missing. */
  async ids(): Promise<ReadonlySet<GitObjectId>> {
    await this.#packs.refresh();
    const ids = new Set(this.#packs.ids());
    for (const folder of await this.#disk.list(join(this.gitDirectory, 'objects'))) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      for (const name of await this.#disk.list(join(this.gitDirectory, 'objects', folder)))
        if (/^[0-9a-f]{38}$/.test(name)) ids.add(parseGitObjectId(`${folder}${name}`));
    }
    return ids;
  }

  async read(id: GitObjectId): Promise<GitObject> {
    const known = await this.#packs.find(id);
    if (known !== undefined && gitObjectId(known) === id) return known;
    const loose = await this.#findLoose(id);
    const object = loose === undefined ? undefined : parseLoose(id, loose);
    if (object !== undefined) return object;
    const packed = (await this.#findInNewPacks(id)) ?? (await this.#findPacked(id));
    if (packed !== undefined) return packed;
    if (loose !== undefined) throw new CorruptError(`git object ${id} is damaged`);
    const [index] = this.#packs.damaged;
    if (index !== undefined)
      throw new CorruptError(`git object ${id} is missing, and objects/pack/${index} is damaged`);
    throw new WsvcError('not-found', `No git object ${id} is stored.`);
  }

  async #findInNewPacks(id: GitObjectId): Promise<GitObject | undefined> {
    if (!(await this.#packs.refresh())) return undefined;
    const object = await this.#packs.find(id);
    return object !== undefined && gitObjectId(object) === id ? object : undefined;
  }

  /** What isomorphic-git may read. */
  async openFs(): Promise<{ promises: typeof nodeFs.promises }> {
    await this.#packs.refresh();
    return fsWithout(this.#packs.damaged);
  }

  async #findPacked(id: GitObjectId): Promise<GitObject | undefined> {
    const object = await this.#readPacked(id);
    if (object === undefined) return undefined;
    if (gitObjectId(object) !== id) throw new CorruptError(`git object ${id} is damaged`);
    return object;
  }

  async #readPacked(id: GitObjectId): Promise<GitObject | undefined> {
    const { cache, gitDirectory: gitdir } = this;
    const fs = await this.openFs();
    try {
      const git = await loadGit();
      const { type, object } = await git.readObject({ fs, gitdir, cache, oid: id, format: 'content' });
      return isObjectType(type) && object instanceof Uint8Array ? { type, content: object } : undefined;
    } catch (cause) {
      if (isGitError(cause, 'NotFoundError')) return undefined;
      throw new CorruptError(`git object ${id} cannot be read`, { cause });
    }
  }

  async write(object: GitObject): Promise<GitObjectId> {
    const id = gitObjectId(object);
    const existing = await this.#findLoose(id);
    // A file of that name may be damaged, and would never be written again: only a whole one is left alone.
    if (existing !== undefined && parseLoose(id, existing) !== undefined) return id;
    await this.#writeLoose(this.#loosePath(id), deflateSync(wrap(object)));
    return id;
  }

  async #writeLoose(path: string, bytes: Uint8Array): Promise<void> {
    const folder = dirname(path);
    if ((await this.#disk.find(folder)) === undefined) {
      await this.#disk.makeDirectory(folder);
      await this.#disk.syncDirectory(dirname(folder));
    }
    await writeFileAtomic(path, bytes, { disk: this.#disk, temporaryDirectory: join(this.gitDirectory, 'tmp') });
  }
}
