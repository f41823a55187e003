import type { GitObjectId } from '../objects/ids.ts';
import { formatPointer, type Pointer } from '../objects/pointer.ts';
import type { Disk } from './disk.ts';
import { GitIndex } from './git-index.ts';
import type { GitObjects } from './git-objects.ts';
import { GitObjectBatch } from './git-pack.ts';
import type { StagedEntry } from './history.ts';
import { checkTreePath } from './ref-names.ts';

const encoder = new TextEncoder();

/** The staging area: pointers in git's index. */
export class GitStaging {
  readonly #disk: Disk;
  readonly #objects: GitObjects;
  readonly #index: GitIndex;

  constructor(objects: GitObjects, disk: Disk) {
    this.#objects = objects;
    this.#disk = disk;
    this.#index = new GitIndex(objects.gitDirectory, disk);
  }

  async list(readPointer: (id: GitObjectId) => Promise<Pointer>): Promise<readonly StagedEntry[]> {
    const staged: StagedEntry[] = [];
    for (const [path, id] of await this.#index.read()) staged.push({ path, pointer: await readPointer(id) });
    return staged;
  }

  async add(path: string, pointer: Pointer): Promise<void> {
    checkTreePath(path);
    const id = await this.#objects.write({ type: 'blob', content: encoder.encode(formatPointer(pointer)) });
    await this.#index.update((entries) => entries.set(path, id));
  }

  async addAll(entries: readonly StagedEntry[]): Promise<void> {
    const [only] = entries;
    if (only !== undefined && entries.length === 1) return this.add(only.path, only.pointer);
    const batch = new GitObjectBatch(this.#objects, this.#disk);
    const blobs = new Map<string, GitObjectId>();
    for (const { path, pointer } of entries) {
      checkTreePath(path);
      blobs.set(path, await batch.write({ type: 'blob', content: encoder.encode(formatPointer(pointer)) }));
    }
    await batch.flush();
    await this.#index.update((staged) => {
      for (const [path, id] of blobs) staged.set(path, id);
    });
  }

  async remove(paths?: readonly string[]): Promise<void> {
    await this.#index.update((entries) => {
      for (const path of paths ?? [...entries.keys()]) entries.delete(path);
    });
  }
}
