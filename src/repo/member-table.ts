import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ManifestId, manifestIdOf, parseSpaceId, type SpaceId } from '../objects/ids.ts';
import type { SummaryTraits } from '../sketch/summary.ts';
import { encodeBlock, readBlocks } from './block-file.ts';
import { deriveSync, replaceDerived } from './derived-file.ts';

/** What the table holds of a checkpoint. */
export interface TableEntry {
  readonly space: SpaceId;
  readonly parameters: number;
  readonly traits: SummaryTraits;
}

/** Raised with the form of the records and with what the traits mean: a file of another version is passed over. */
const VERSION = 1;
const KEY_BYTES = 16;
/** Id, space, three keys, parameters, square, rounding, precision, flags, number of contents. */
const RECORD_BYTES = 32 + 32 + 3 * KEY_BYTES + 3 * 8 + 3 * 4;
const HAS_SKETCH = 1;
const HAS_INVARIANTS = 2;

function encodeEntry(id: ManifestId, { space, parameters, traits }: TableEntry): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES + 4 * traits.contents.length);
  bytes.write(id, 0, 'hex');
  bytes.write(space, 32, 'hex');
  bytes.write(traits.filesKey, 64, 'latin1');
  bytes.write(traits.weightsKey, 64 + KEY_BYTES, 'latin1');
  bytes.write(traits.floatsKey, 64 + 2 * KEY_BYTES, 'latin1');
  let at = bytes.writeDoubleLE(parameters, 64 + 3 * KEY_BYTES);
  at = bytes.writeDoubleLE(traits.sketchSquare, at);
  at = bytes.writeDoubleLE(traits.rounding, at);
  at = bytes.writeUInt32LE(traits.precision, at);
  at = bytes.writeUInt32LE((traits.hasSketch ? HAS_SKETCH : 0) | (traits.hasInvariants ? HAS_INVARIANTS : 0), at);
  at = bytes.writeUInt32LE(traits.contents.length, at);
  for (const content of traits.contents) at = bytes.writeUInt32LE(content, at);
  return bytes;
}

/** A key that is absent is all zeros. */
function readKey(bytes: Buffer, at: number): string {
  const key = bytes.toString('latin1', at, at + KEY_BYTES);
  return key === ABSENT ? '' : key;
}

const ABSENT = '\0'.repeat(KEY_BYTES);

/** Where the numbers of a record begin. */
const NUMBERS_AT = 64 + 3 * KEY_BYTES;

/** Traits as they stand in a block: read one by one when they are asked for, for most of thousands are asked for one or none. */
class StoredTraits implements SummaryTraits {
  private readonly bytes: Buffer;
  private readonly at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  get filesKey(): string {
    return readKey(this.bytes, this.at + 64);
  }

  get weightsKey(): string {
    return readKey(this.bytes, this.at + 64 + KEY_BYTES);
  }

  get floatsKey(): string {
    return readKey(this.bytes, this.at + 64 + 2 * KEY_BYTES);
  }

  get contents(): Uint32Array {
    const contents = new Uint32Array(contentCount(this.bytes, this.at));
    for (let i = 0; i < contents.length; i++) contents[i] = this.bytes.readUInt32LE(this.at + RECORD_BYTES + 4 * i);
    return contents;
  }

  get hasSketch(): boolean {
    return (this.flags & HAS_SKETCH) !== 0;
  }

  get hasInvariants(): boolean {
    return (this.flags & HAS_INVARIANTS) !== 0;
  }

  get sketchSquare(): number {
    return this.bytes.readDoubleLE(this.at + NUMBERS_AT + 8);
  }

  get precision(): number {
    return this.bytes.readUInt32LE(this.at + NUMBERS_AT + 24);
  }

  get rounding(): number {
    return this.bytes.readDoubleLE(this.at + NUMBERS_AT + 16);
  }

  private get flags(): number {
    return this.bytes.readUInt32LE(this.at + NUMBERS_AT + 28);
  }
}

const contentCount = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + NUMBERS_AT + 32);

/** There are few spaces, and many checkpoints in each: a record like the last has its space. */
class SpaceReader {
  readonly #spaces = new Map<string, SpaceId>();

  read(bytes: Buffer, at: number): SpaceId {
    const key = bytes.toString('latin1', at, at + 32);
    const space = this.#spaces.get(key) ?? parseSpaceId(bytes.toString('hex', at, at + 32));
    this.#spaces.set(key, space);
    return space;
  }
}

function readTable(bytes: Buffer): { readonly entries: Map<ManifestId, TableEntry>; readonly end: number } {
  const entries = new Map<ManifestId, TableEntry>();
  const spaces = new SpaceReader();
  const { payloads, end } = readBlocks(VERSION, bytes);
  for (const payload of payloads) {
    for (let at = 0; at < payload.byteLength; at += RECORD_BYTES + 4 * contentCount(payload, at)) {
      const id = manifestIdOf(payload.subarray(at, at + 32));
      const parameters = payload.readDoubleLE(at + NUMBERS_AT);
      entries.set(id, { space: spaces.read(payload, at + 32), parameters, traits: new StoredTraits(payload, at) });
    }
  }
  return { entries, end };
}

function encodeEntries(entries: Iterable<readonly [ManifestId, TableEntry]>): Buffer {
  return encodeBlock(VERSION, Buffer.concat(Array.from(entries, ([id, entry]) => encodeEntry(id, entry))));
}

/** True for a file of whole blocks and nothing else. */
export function isMemberTableWhole(bytes: Buffer): boolean {
  return readTable(bytes).end === bytes.byteLength;
}

/**
 * The traits of all checkpoints in one file, read at once: what is asked of every member is answered from here, and their summaries stay
 * undecoded. Derived: blocks carry checksums, and behind a damaged one there is nothing.
 */
export class MemberTable {
  readonly #file: string;
  #entries: Map<ManifestId, TableEntry> | undefined;
  #isDamaged = false;

  constructor(file: string) {
    this.#file = file;
  }

  #open(): Map<ManifestId, TableEntry> {
    if (this.#entries !== undefined) return this.#entries;
    let bytes = Buffer.alloc(0);
    deriveSync(() => {
      bytes = readFileSync(this.#file);
    });
    const { entries, end } = readTable(bytes);
    this.#entries = entries;
    this.#isDamaged = end < bytes.byteLength;
    return entries;
  }

  get(id: ManifestId): TableEntry | undefined {
    return this.#open().get(id);
  }

  add(added: ReadonlyMap<ManifestId, TableEntry>): void {
    const entries = this.#open();
    for (const [id, entry] of added) entries.set(id, entry);
    if (this.#isDamaged) replaceDerived(this.#file, [encodeEntries(entries)]);
    else {
      deriveSync(() => {
        mkdirSync(path.dirname(this.#file), { recursive: true });
        appendFileSync(this.#file, encodeEntries(added));
      });
    }
    this.#isDamaged = false;
  }
}
