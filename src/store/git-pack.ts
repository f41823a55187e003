import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import type { GitObjectId } from '../objects/ids.ts';
import { writeFileAtomic } from './atomic-file.ts';
import type { Disk } from './disk.ts';
import type { GitObject, GitObjectType, ObjectStore } from './git-object.ts';
import { type GitObjects, gitObjectId } from './git-objects.ts';

/** Numbers of object types in git's pack files. */
const TYPE_NUMBERS = { commit: 1, tree: 2, blob: 3, tag: 4 } as const satisfies Record<GitObjectType, number>;

/** How much a batch keeps in memory before it writes a pack; far below the 2 GiB that offsets of 31 bits can tell. */
const FLUSH_BYTES = 64 * 1024 * 1024;

interface PackedObject {
  readonly type: GitObjectType;
  readonly content: Uint8Array;
  readonly deflated: Uint8Array;
}

interface PlacedObject {
  readonly id: GitObjectId;
  readonly offset: number;
  readonly crc: number;
}

/** The head of an object in a pack: three bits of type, and the length in groups of 4 and 7 bits, the lowest first. */
function encodeObjectHead(type: GitObjectType, byteLength: number): Uint8Array {
  const bytes: number[] = [];
  let byte = (TYPE_NUMBERS[type] << 4) | (byteLength & 15);
  for (let rest = Math.floor(byteLength / 16); ; rest = Math.floor(rest / 128)) {
    if (rest === 0) break;
    bytes.push(byte | 0x80);
    byte = rest & 0x7f;
  }
  return Uint8Array.from([...bytes, byte]);
}

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}

function withSha1(parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([bytes, createHash('sha1').update(bytes).digest()]);
}

function encodePack(objects: ReadonlyMap<GitObjectId, PackedObject>): {
  pack: Buffer;
  placed: readonly PlacedObject[];
} {
  const parts: Uint8Array[] = [Buffer.from('PACK'), u32(2, objects.size)];
  const placed: PlacedObject[] = [];
  let offset = 12;
  for (const [id, { type, content, deflated }] of objects) {
    const entry = Buffer.concat([encodeObjectHead(type, content.byteLength), deflated]);
    placed.push({ id, offset, crc: crc32(entry) });
    parts.push(entry);
    offset += entry.byteLength;
  }
  return { pack: withSha1(parts), placed };
}

/** For each first byte, how many ids begin with it or a lower one. */
function fanout(ids: readonly GitObjectId[]): number[] {
  const counts = new Array<number>(256).fill(0);
  for (const id of ids) {
    const first = Number.parseInt(id.slice(0, 2), 16);
    counts[first] = (counts[first] ?? 0) + 1;
  }
  let total = 0;
  return counts.map((count) => (total += count));
}

/** Version 2 of git's pack index. */
function encodePackIndex(placed: readonly PlacedObject[], pack: Buffer): Buffer {
  const sorted = [...placed].sort((a, b) => (a.id < b.id ? -1 : 1));
  return withSha1([
    u32(0xff744f63, 2),
    u32(...fanout(sorted.map(({ id }) => id))),
    Buffer.concat(sorted.map(({ id }) => Buffer.from(id, 'hex'))),
    Buffer.concat(sorted.map(({ crc }) => u32(crc))),
    Buffer.concat(sorted.map(({ offset }) => u32(offset))),
    pack.subarray(pack.byteLength - 20),
  ]);
}

/**
 * Objects that become durable together, in one pack of git: two flushes for any number of commits, where loose objects
 * take two each. They are readable through this store at once.
 */
export class GitObjectBatch implements ObjectStore {
  readonly #objects: GitObjects;
  readonly #disk: Disk;
  readonly #pending = new Map<GitObjectId, PackedObject>();
  #byteLength = 0;
  /** Names of the packs that were written, without their endings. */
  readonly written: string[] = [];

  constructor(objects: GitObjects, disk: Disk) {
    this.#objects = objects;
    this.#disk = disk;
  }

  async read(id: GitObjectId): Promise<GitObject> {
    const pending = this.#pending.get(id);
    return pending === undefined ? this.#objects.read(id) : { type: pending.type, content: pending.content };
  }

  async write(object: GitObject): Promise<GitObjectId> {
    const id = gitObjectId(object);
    if (this.#pending.has(id)) return id;
    const deflated = deflateSync(object.content);
    this.#pending.set(id, { ...object, deflated });
    this.#byteLength += object.content.byteLength;
    if (this.#byteLength > FLUSH_BYTES) await this.flush();
    return id;
  }

  /** Makes everything written so far durable: first the pack, then the index, by which git finds it. */
  async flush(): Promise<void> {
    if (this.#pending.size === 0) return;
    const { pack, placed } = encodePack(this.#pending);
    const folder = join(this.#objects.gitDirectory, 'objects', 'pack');
    const options = { disk: this.#disk, temporaryDirectory: join(this.#objects.gitDirectory, 'tmp') };
    const name = join(folder, `pack-${pack.subarray(pack.byteLength - 20).toString('hex')}`);
    await writeFileAtomic(`${name}.pack`, pack, options);
    await writeFileAtomic(`${name}.idx`, encodePackIndex(placed, pack), options);
    this.written.push(basename(name));
    this.#pending.clear();
    this.#byteLength = 0;
  }
}
