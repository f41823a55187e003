import { CorruptError } from '../errors.ts';
import type { GitObjectId } from '../objects/ids.ts';
import { decodeTree, encodeTree, type TreeEntry } from './git-format.ts';
import type { ObjectStore } from './git-object.ts';

/** How many trees are kept parsed: a walk over history meets each several times. */
const CACHED_TREES = 1024;

/** Trees of an object store, parsed. */
export class GitTrees {
  readonly #objects: ObjectStore;
  readonly #cache = new Map<GitObjectId, readonly TreeEntry[]>();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  async read(id: GitObjectId): Promise<readonly TreeEntry[]> {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const { type, content } = await this.#objects.read(id);
    if (type !== 'tree') throw new CorruptError(`git object ${id} is a ${type} where a tree must be`);
    return this.#keep(id, decodeTree(content));
  }

  #keep(id: GitObjectId, entries: readonly TreeEntry[]): readonly TreeEntry[] {
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined && this.#cache.size >= CACHED_TREES) this.#cache.delete(oldest);
    this.#cache.set(id, entries);
    return entries;
  }

  /** Writes a tree like `tree` (none: an empty one) with the blob at that path, added or replaced. */
  async withFile(tree: GitObjectId | undefined, path: readonly string[], blob: GitObjectId): Promise<GitObjectId> {
    const [name = '', ...rest] = path;
    const entries = tree === undefined ? [] : await this.read(tree);
    const old = entries.find((entry) => entry.name === name && entry.kind === 'tree');
    const entry: TreeEntry =
      rest.length === 0
        ? { name, kind: 'file', mode: '100644', id: blob }
        : { name, kind: 'tree', mode: '40000', id: await this.withFile(old?.id, rest, blob) };
    const changed = [...entries.filter((other) => other.name !== name), entry];
    const id = await this.#objects.write({ type: 'tree', content: encodeTree(changed) });
    this.#keep(id, changed);
    return id;
  }

  /** The file at a path, if there is one. */
  async find(tree: GitObjectId, path: readonly string[]): Promise<GitObjectId | undefined> {
    const [name, ...rest] = path;
    const entry = (await this.read(tree)).find((one) => one.name === name);
    if (entry === undefined || entry.kind !== (rest.length === 0 ? 'file' : 'tree')) return undefined;
    return rest.length === 0 ? entry.id : this.find(entry.id, rest);
  }

  /** Yields all files below a tree, by path. */
  async *files(tree: GitObjectId, prefix = ''): AsyncGenerator<{ readonly path: string; readonly id: GitObjectId }> {
    for (const { name, kind, id } of await this.read(tree)) {
      if (kind === 'file') yield { path: `${prefix}${name}`, id };
      else if (kind === 'tree') yield* this.files(id, `${prefix}${name}/`);
    }
  }

  /** Yields the files that differ from those of another tree, without entering equal folders. */
  async *changedFiles(
    tree: GitObjectId,
    against: GitObjectId | undefined,
    prefix = '',
  ): AsyncGenerator<{ readonly path: string; readonly id: GitObjectId }> {
    const old = new Map((against === undefined ? [] : await this.read(against)).map((entry) => [entry.name, entry]));
    for (const { name, kind, id } of await this.read(tree)) {
      const before = old.get(name);
      if (before?.id === id) continue;
      if (kind === 'file') yield { path: `${prefix}${name}`, id };
      else if (kind === 'tree')
        yield* this.changedFiles(id, before?.kind === 'tree' ? before.id : undefined, `${prefix}${name}/`);
    }
  }
}
