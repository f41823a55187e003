import { join } from 'node:path';
import { CorruptError, WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import { type Disk, isMissing } from './disk.ts';
import { isPackName, openPack, type PackFile } from './pack-file.ts';
import type { PackRow } from './pack-format.ts';

/** Where a blob is stored. */
export interface Location {
  readonly path: string;
  readonly row: PackRow;
}

/** A pack whose index cannot be read: what it holds is unknown until it is repaired. */
export interface DamagedPack {
  readonly path: string;
  readonly error: CorruptError;
}

/** How many packs are opened at the same time: enough to keep the disk busy, few enough for any limit of open files. */
const OPEN_AT_ONCE = 32;

/** Blobs from which on a pack's index is searched; the blobs of smaller packs are put into one table. */
const LARGE = 4096;

/** The packs of a directory and one index over all of them. Packs are immutable, so new ones are all that can be missed. */
export class PackSet {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #packs = new Map<string, PackFile>();
  readonly #damaged = new Map<string, CorruptError>();
  /** Packs of many blobs, whose indices are searched. */
  readonly #large = new Set<PackFile>();
  /** Places of the blobs of small packs: there may be thousands of those, too many to search one after the other. */
  readonly #locations = new Map<BlobId, Location>();
  /** Further places of blobs that two processes stored at the same time. */
  readonly #copies = new Map<BlobId, Location[]>();

  readonly #without: ReadonlySet<string>;

  constructor(disk: Disk, directory: string, without: ReadonlySet<string> = new Set()) {
    this.#without = without;
    this.#disk = disk;
    this.#directory = directory;
  }

  /**
   * Reads the indices of packs that have appeared, and forgets those that are gone.
   *
   * @throws WsvcError `format-version` when one is newer than this wsvc.
   */
  async refresh(): Promise<void> {
    const names = new Set(
      (await this.#disk.list(this.#directory)).filter((name) => isPackName(name) && !this.#without.has(name)),
    );
    const isGone = [...this.#packs.keys(), ...this.#damaged.keys()].some((name) => !names.has(name));
    if (isGone) this.#forgetAll();
    const unread = [...names].filter((name) => !this.#packs.has(name) && !this.#damaged.has(name));
    for (let at = 0; at < unread.length; at += OPEN_AT_ONCE) {
      await Promise.all(unread.slice(at, at + OPEN_AT_ONCE).map((name) => this.#load(name)));
    }
  }

  /**
   * Runs what reads packs without the lock on the packs that are there, once more where one goes meanwhile: its blobs are in another by
   * then.
   */
  async readPresent<T>(read: () => Promise<T>): Promise<T> {
    await this.refresh();
    try {
      return await read();
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.refresh();
      return read();
    }
  }

  #forgetAll(): void {
    for (const known of [this.#packs, this.#damaged, this.#large, this.#locations, this.#copies]) known.clear();
  }

  async #load(name: string): Promise<void> {
    try {
      this.add(name, await openPack(this.#disk, join(this.#directory, name)));
    } catch (error) {
      // One damaged pack must not take the others with it; its blobs are told as damaged when they are asked for.
      if (error instanceof CorruptError) this.#damaged.set(name, error);
      else if (!isMissing(error)) throw error;
    }
  }

  add(name: string, pack: PackFile): void {
    this.#damaged.delete(name);
    this.#packs.set(name, pack);
    if (pack.index.count >= LARGE) this.#large.add(pack);
    else for (const row of pack.index.rows) this.#addLocation({ path: pack.path, row });
  }

  #addLocation(location: Location): void {
    const { id } = location.row;
    if (!this.#locations.has(id)) this.#locations.set(id, location);
    else this.#copies.set(id, [...(this.#copies.get(id) ?? []), location]);
  }

  find(id: BlobId): Location | undefined {
    for (const pack of this.#large) {
      const row = pack.index.find(id);
      if (row !== undefined) return { path: pack.path, row };
    }
    return this.#locations.get(id);
  }

  /** All places of a blob, the preferred one first. */
  findAll(id: BlobId): readonly Location[] {
    const found: Location[] = [];
    for (const { path, index } of this.#large) {
      const row = index.find(id);
      if (row !== undefined) found.push({ path, row });
    }
    const first = this.#locations.get(id);
    return first === undefined ? found : [...found, first, ...(this.#copies.get(id) ?? [])];
  }

  /** Every blob once. */
  *ids(): IterableIterator<BlobId> {
    const seen = new Set<BlobId>();
    for (const { index } of this.#packs.values()) {
      for (const { id } of index.rows) {
        if (seen.has(id)) continue;
        seen.add(id);
        yield id;
      }
    }
  }

  packs(): readonly PackFile[] {
    return [...this.#packs.values()];
  }

  damaged(): readonly DamagedPack[] {
    return [...this.#damaged].map(([name, error]) => ({ path: join(this.#directory, name), error }));
  }

  /** The error for a blob that no readable pack holds: it may be in a damaged one. */
  absent(id: BlobId): WsvcError {
    const [damaged] = this.damaged();
    if (damaged === undefined) return new WsvcError('not-found', `No blob ${id} is stored.`);
    return new CorruptError(`blob ${id} is missing, and "${damaged.path}" cannot be read`, { cause: damaged.error });
  }
}
