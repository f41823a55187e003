import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { type GitObjectId, parseGitObjectId } from '../objects/ids.ts';
import { type Disk, type DiskFile, isMissing } from './disk.ts';
import type { GitObject, GitObjectType } from './git-object.ts';

/** The objects of git packs that stand there whole, by number; 6 and 7 are deltas. */
export const TYPES: ReadonlyMap<number, GitObjectType> = new Map<number, GitObjectType>([
  [1, 'commit'],
  [2, 'tree'],
  [3, 'blob'],
  [4, 'tag'],
]);

const INDEX_MAGIC = 0xff744f63;
const FANOUT_OFFSET = 8;
const IDS_OFFSET = FANOUT_OFFSET + 4 * 256;
const ID_BYTES = 20;

/** A pack's index in memory (version 2), and where each object ends. */
interface PackIndex {
  readonly path: string;
  readonly bytes: Buffer;
  readonly count: number;
  readonly sortedOffsets: Float64Array;
  /** Objects read from it so far. */
  reads: number;
  /** The pack itself, once so many were read that it pays. */
  whole?: Uint8Array;
}

/** Packs up to this size are read whole after some objects: a walk over history reads nearly all of them. */
const WHOLE_BYTES = 1 << 25;
const READS_BEFORE_WHOLE = 16;

/** A damaged table would send the search out of the file, or past an object that is there. */
function isWhole(index: Buffer): boolean {
  const body = index.subarray(0, Math.max(0, index.byteLength - ID_BYTES));
  return createHash('sha1').update(body).digest().equals(index.subarray(body.byteLength));
}

function parseIndex(path: string, bytes: Buffer): PackIndex | undefined {
  const isKnown =
    bytes.byteLength >= IDS_OFFSET && bytes.readUInt32BE(0) === INDEX_MAGIC && bytes.readUInt32BE(4) === 2;
  const count = isKnown ? bytes.readUInt32BE(IDS_OFFSET - 4) : 0;
  const offsetsAt = IDS_OFFSET + count * (ID_BYTES + 4);
  if (!isKnown || bytes.byteLength < offsetsAt + 4 * count + 2 * ID_BYTES) return undefined;
  const offsets = Float64Array.from({ length: count }, (_, i) => bytes.readUInt32BE(offsetsAt + 4 * i)).sort();
  return { path, bytes, count, sortedOffsets: offsets, reads: 0 };
}

/** Binary search among the ids with the same first byte. */
function findEntry({ bytes }: PackIndex, id: Buffer): number | undefined {
  const first = id[0] ?? 0;
  let low = first === 0 ? 0 : bytes.readUInt32BE(FANOUT_OFFSET + 4 * (first - 1));
  let high = bytes.readUInt32BE(FANOUT_OFFSET + 4 * first);
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = IDS_OFFSET + middle * ID_BYTES;
    const order = id.compare(bytes, at, at + ID_BYTES);
    if (order === 0) return middle;
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return undefined;
}

/** The first offset after the given one; `undefined` for the last object of a pack. */
function nextOffset(sorted: Float64Array, offset: number): number | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return sorted[low];
}

/** Parses an object of a pack that is not a delta; the caller compares it with its id. */
function parseEntry(bytes: Uint8Array): GitObject | undefined {
  const type = TYPES.get(((bytes[0] ?? 0) >> 4) & 7);
  if (type === undefined) return undefined;
  const start = bytes.findIndex((byte) => byte < 0x80) + 1;
  return { type, content: inflateSync(bytes.subarray(start)) };
}

/**
 * Reads whole objects out of git packs, such as `GitObjectBatch` writes, at the cost of one read of the disk each. Deltas, and whatever
 * looks odd, are left to isomorphic-git.
 */
export class GitPackReader {
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #indices = new Map<string, PackIndex>();
  readonly #unreadable = new Set<string>();
  readonly #damaged = new Set<string>();
  readonly #only: string | undefined;

  /** @param only - the name of the one index that is looked at; all by default. */
  constructor(gitDirectory: string, disk: Disk, only?: string) {
    this.#directory = join(gitDirectory, 'objects', 'pack');
    this.#disk = disk;
    this.#only = only;
  }

  /** Names of indices that do not match their checksum: nobody else should read them either. */
  get damaged(): ReadonlySet<string> {
    return this.#damaged;
  }

  /** The object, unchecked; `undefined` when no pack that has been seen has it whole. */
  async find(id: GitObjectId): Promise<GitObject | undefined> {
    const key = Buffer.from(id, 'hex');
    for (const index of this.#indices.values()) {
      const entry = findEntry(index, key);
      const object = entry === undefined ? undefined : await this.#readQuietly(index, entry);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  /** All objects of the packs that have been seen. */
  *ids(): Generator<GitObjectId, void, void> {
    for (const { bytes, count } of this.#indices.values())
      for (let at = IDS_OFFSET; at < IDS_OFFSET + count * ID_BYTES; at += ID_BYTES)
        yield parseGitObjectId(bytes.toString('hex', at, at + ID_BYTES));
  }

  /** Looks for packs that have appeared since, and forgets those that are gone. True when there are new ones. */
  async refresh(): Promise<boolean> {
    const gone = new Set<string>();
    for (let count = 0; ; ) {
      const all = (await this.#disk.list(this.#directory)).filter((name) => name.endsWith('.idx'));
      const names = new Set(all.filter((name) => this.#only === undefined || name === this.#only));
      for (const name of this.#indices.keys()) if (!names.has(name)) this.#indices.delete(name);
      const isUnread = (name: string) => !this.#indices.has(name) && !this.#unreadable.has(name) && !gone.has(name);
      const unread = [...names].filter(isUnread);
      for (const name of unread) if (!(await this.#load(name))) gone.add(name);
      count += unread.length;
      // One that has gone since it was listed was replaced: what has its objects is listed by now.
      if (!unread.some((name) => gone.has(name))) return count > 0;
    }
  }

  /** False where the index is there no more. */
  async #load(name: string): Promise<boolean> {
    const path = join(this.#directory, name);
    try {
      const bytes = Buffer.from(await this.#disk.readFile(path));
      const isDamaged = !isWhole(bytes);
      const index = isDamaged ? undefined : parseIndex(path.replace(/idx$/, 'pack'), bytes);
      if (isDamaged) this.#damaged.add(name);
      if (index === undefined) this.#unreadable.add(name);
      else this.#indices.set(name, index);
      return true;
    } catch (error) {
      if (!isMissing(error)) throw error;
      return false;
    }
  }

  async #readQuietly(index: PackIndex, entry: number): Promise<GitObject | undefined> {
    try {
      return await this.#read(index, entry);
    } catch {
      // A pack that stock git has just replaced, or a damaged one: the slow way finds the object, or says what is wrong.
      return undefined;
    }
  }

  async #readWhole(index: PackIndex): Promise<Uint8Array | undefined> {
    index.reads += 1;
    if (index.reads !== READS_BEFORE_WHOLE) return undefined;
    const byteLength = (await this.#disk.find(index.path))?.byteLength ?? Number.POSITIVE_INFINITY;
    if (byteLength <= WHOLE_BYTES) index.whole = await this.#disk.readFile(index.path);
    return index.whole;
  }

  async #read(index: PackIndex, entry: number): Promise<GitObject | undefined> {
    const offset = index.bytes.readUInt32BE(IDS_OFFSET + index.count * (ID_BYTES + 4) + 4 * entry);
    // The highest bit sends to a table of 64-bit offsets, which packs above 2 GiB have.
    if (offset >= 0x80000000) return undefined;
    const whole = index.whole ?? (await this.#readWhole(index));
    if (whole !== undefined) {
      const end = nextOffset(index.sortedOffsets, offset) ?? whole.byteLength - ID_BYTES;
      return parseEntry(whole.subarray(offset, Math.max(offset, end)));
    }
    const file: DiskFile = await this.#disk.open(index.path, 'r');
    try {
      const end =
        nextOffset(index.sortedOffsets, offset) ?? ((await this.#disk.find(index.path))?.byteLength ?? 0) - ID_BYTES;
      return parseEntry(await file.read(offset, Math.max(0, end - offset)));
    } finally {
      await file.close();
    }
  }
}
