import { dirname, join } from 'node:path';
import { CorruptError, WsvcError } from '../errors.ts';
import { type CommitId, type GitObjectId, parseCommitId, parseGitObjectId } from '../objects/ids.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { type Disk, isDirectoryError, isMissing } from './disk.ts';
import type { Head } from './history.ts';
import { addPackedRefs, parsePackedRefs } from './packed-refs.ts';
import { type RefLockOptions, withRefLock } from './ref-lock.ts';
import { isRefName } from './ref-names.ts';

/** A ref's full name (`refs/heads/run-1`) and what it names: a commit, or an annotated tag. */
export interface RawRef {
  readonly fullName: string;
  readonly id: GitObjectId;
}

/** A ref whose text names nothing: neither an object nor another ref. */
export interface DamagedRef {
  readonly fullName: string;
  readonly text: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A ref that points to a ref that points to a ref: git stops here too. */
const MAX_SYMBOLIC = 5;

function movedElsewhere(fullName: string): WsvcError {
  return new WsvcError('locked', `Another process has moved "${fullName}".`, {
    suggestions: ['Run the command again: it then starts from where the ref is now.'],
  });
}

function inTheWay(fullName: string, other: string): WsvcError {
  return new WsvcError('usage', `"${fullName}" cannot be made: "${other}" is in its way.`);
}

/** Branches, tags and HEAD of a bare git directory, read and written with git's own protocol. */
export class GitRefs {
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #options: RefLockOptions;

  constructor(gitDirectory: string, disk: Disk) {
    this.#directory = gitDirectory;
    this.#disk = disk;
    this.#options = { disk, temporaryDirectory: join(gitDirectory, 'tmp') };
  }

  async #findText(name: string): Promise<string | undefined> {
    try {
      return decoder.decode(await this.#disk.readFile(join(this.#directory, name)));
    } catch (error) {
      if (isMissing(error) || isDirectoryError(error)) return undefined;
      throw error;
    }
  }

  async #packed(): Promise<ReadonlyMap<string, GitObjectId>> {
    return parsePackedRefs((await this.#findText('packed-refs')) ?? '');
  }

  /** What a ref names; `undefined` when there is none. @throws CorruptError */
  async find(fullName: string, depth = 0): Promise<GitObjectId | undefined> {
    const text = await this.#findText(fullName);
    if (text === undefined) return (await this.#packed()).get(fullName);
    const [, target] = /^ref: (refs\/\S+)\n?$/.exec(text) ?? [];
    if (target !== undefined && depth < MAX_SYMBOLIC) return this.find(target, depth + 1);
    if (!/^[0-9a-f]{40}\n?$/.test(text)) throw new CorruptError(`"${fullName}" does not name a commit`);
    return parseGitObjectId(text.slice(0, 40));
  }

  /** All refs below `refs/heads` or `refs/tags`, or of any kind, sorted by name. */
  async list(kind: 'heads' | 'tags' | 'any'): Promise<readonly RawRef[]> {
    const prefix = kind === 'any' ? 'refs' : `refs/${kind}`;
    const packed = await this.#packed();
    const loose = new Set(await this.#listLoose(prefix));
    const names = new Set([...[...packed.keys()].filter((name) => name.startsWith(`${prefix}/`)), ...loose]);
    const refs: RawRef[] = [];
    for (const fullName of [...names].sort()) {
      const id = loose.has(fullName) ? await this.find(fullName) : packed.get(fullName);
      if (id !== undefined) refs.push({ fullName, id });
    }
    return refs;
  }

  /** All refs that can be read, and those that cannot; lines of `packed-refs` that are none name no ref at all. */
  async examine(): Promise<{ readonly refs: readonly RawRef[]; readonly damaged: readonly DamagedRef[] }> {
    const refs = new Map([...(await this.#packed())].map(([fullName, id]) => [fullName, { fullName, id }]));
    const damaged: DamagedRef[] = [];
    for (const fullName of await this.#listLoose('refs')) {
      refs.delete(fullName);
      try {
        const id = await this.find(fullName);
        if (id !== undefined) refs.set(fullName, { fullName, id });
      } catch (error) {
        if (!(error instanceof CorruptError)) throw error;
        damaged.push({ fullName, text: (await this.#findText(fullName)) ?? '' });
      }
    }
    return { refs: [...refs.values()], damaged };
  }

  /** Makes a ref name an object, wherever it stood: for repair, under the repository's lock. */
  async overwrite(fullName: string, id: GitObjectId): Promise<void> {
    const path = join(this.#directory, fullName);
    await this.#makeFolder(dirname(path));
    await withRefLock(path, this.#options, () => this.#write(fullName, id));
  }

  async #listLoose(folder: string): Promise<readonly string[]> {
    const names: string[] = [];
    for (const name of await this.#disk.list(join(this.#directory, folder))) {
      const path = `${folder}/${name}`;
      const kind = (await this.#disk.find(join(this.#directory, path)))?.kind;
      if (kind === 'directory') names.push(...(await this.#listLoose(path)));
      else if (kind === 'file' && isRefName(name)) names.push(path);
    }
    return names;
  }

  /**
   * Moves or makes a ref, only if it stands at `expected`.
   *
   * @throws WsvcError `locked` when it stands elsewhere or another process holds it; `usage` when another ref is in the way.
   */
  async update(fullName: string, id: CommitId, expected: CommitId | undefined): Promise<void> {
    if (expected === undefined) await this.#checkNoConflict(fullName);
    const path = join(this.#directory, fullName);
    await this.#makeFolder(dirname(path));
    await withRefLock(path, this.#options, async () => {
      const current: string | undefined = await this.find(fullName);
      if (current !== expected) {
        throw movedElsewhere(fullName);
      }
      await this.#write(fullName, id);
    });
  }

  async #checkNoConflict(fullName: string): Promise<void> {
    const kind = fullName.startsWith('refs/tags/') ? 'tags' : 'heads';
    const names = (await this.list(kind)).map((ref) => ref.fullName);
    const other = names.find((name) => name.startsWith(`${fullName}/`) || fullName.startsWith(`${name}/`));
    if (other !== undefined) throw inTheWay(fullName, other);
  }

  /**
   * Makes many branches at once, in git's `packed-refs`: one durable write for all of them.
   *
   * @throws WsvcError `locked` when one exists, also when another process made it meanwhile; `usage` when a ref is in the way of another.
   */
  async createAll(branches: ReadonlyMap<string, CommitId>): Promise<void> {
    const path = join(this.#directory, 'packed-refs');
    await withRefLock(path, this.#options, async () => {
      await this.#checkAllNew([...branches.keys()]);
      const text = (await this.#findText('packed-refs')) ?? '';
      await writeFileAtomic(path, encoder.encode(addPackedRefs(text, branches)), this.#options);
    });
    // A loose ref counts more than a packed one: nobody else may have made one in the meantime.
    for (const { fullName, id } of await this.list('heads')) {
      if (branches.has(fullName) && branches.get(fullName) !== String(id)) throw movedElsewhere(fullName);
    }
  }

  async #checkAllNew(added: readonly string[]): Promise<void> {
    const present = (await this.list('heads')).map(({ fullName }) => fullName);
    const names = new Set([...present, ...added]);
    const taken = present.find((name) => added.includes(name));
    if (taken !== undefined) throw movedElsewhere(taken);
    for (const name of names) {
      for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) {
        if (names.has(name.slice(0, at))) throw inTheWay(name, name.slice(0, at));
      }
    }
  }

  /** A folder of refs, durable up to where it hangs in the tree. */
  async #makeFolder(folder: string): Promise<void> {
    if ((await this.#disk.find(folder)) !== undefined) return;
    await this.#makeFolder(dirname(folder));
    await this.#disk.makeDirectory(folder);
    await this.#disk.syncDirectory(dirname(folder));
  }

  async #write(name: string, text: string): Promise<void> {
    const path = join(this.#directory, name);
    // Folders of branches that are gone would stand in the way of a branch of their name.
    if ((await this.#disk.find(path))?.kind === 'directory') await this.#removeEmptyFolders(path);
    await writeFileAtomic(path, encoder.encode(`${text}\n`), this.#options);
  }

  async #removeEmptyFolders(path: string): Promise<void> {
    for (const name of await this.#disk.list(path)) {
      const inner = join(path, name);
      if ((await this.#disk.find(inner))?.kind === 'directory') await this.#removeEmptyFolders(inner);
    }
    await this.#disk.removeDirectory(path);
  }

  /** Removes a ref; harmless when it is gone. */
  async remove(fullName: string): Promise<void> {
    const path = join(this.#directory, fullName);
    await this.#makeFolder(dirname(path));
    await withRefLock(path, this.#options, async () => {
      // The packed one first: a crash between must not bring an old value back.
      await this.#removePacked(fullName);
      await this.#disk.remove(path);
      await this.#disk.syncDirectory(dirname(path));
    });
  }

  async #removePacked(fullName: string): Promise<void> {
    if (!(await this.#packed()).has(fullName)) return;
    const path = join(this.#directory, 'packed-refs');
    await withRefLock(path, this.#options, async () => {
      const text = (await this.#findText('packed-refs')) ?? '';
      const kept: string[] = [];
      let isRemoved = false;
      for (const line of text.split('\n')) {
        // A line with ^ belongs to the ref above it.
        if (!line.startsWith('^')) isRemoved = line.endsWith(` ${fullName}`);
        if (!isRemoved) kept.push(line);
      }
      await writeFileAtomic(path, encoder.encode(kept.join('\n')), this.#options);
    });
  }

  /** @throws CorruptError when HEAD is missing or malformed. */
  async readHead(): Promise<Head> {
    const text = (await this.#findText('HEAD')) ?? '';
    const [, branch] = /^ref: refs\/heads\/(\S+)\n?$/.exec(text) ?? [];
    if (branch === undefined) return { kind: 'detached', commit: this.#parseDetached(text) };
    const commit = await this.find(`refs/heads/${branch}`);
    return { kind: 'branch', branch, ...(commit === undefined ? {} : { commit: parseCommitId(commit) }) };
  }

  #parseDetached(text: string): CommitId {
    if (!/^[0-9a-f]{40}\n?$/.test(text)) throw new CorruptError('HEAD names neither a branch nor a commit');
    return parseCommitId(text.slice(0, 40));
  }

  async writeHead(head: { readonly branch: string } | { readonly commit: CommitId }): Promise<void> {
    const text = 'branch' in head ? `ref: refs/heads/${head.branch}` : head.commit;
    await withRefLock(join(this.#directory, 'HEAD'), this.#options, () => this.#write('HEAD', text));
  }
}
