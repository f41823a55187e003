import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ManifestId } from '../objects/ids.ts';
import type { SummaryTraits } from '../sketch/summary.ts';
import { encodeBlock, readBlocks } from './block-file.ts';
import { deriveSync, replaceDerived } from './derived-file.ts';
import {
  encodeEntry,
  FILES_KEY_AT,
  RECORD_BYTES,
  SpaceReader,
  StoredEntry,
  type TableEntry,
  WEIGHTS_KEY_AT,
} from './member-record.ts';

/** Raised with the form of the records and with what the traits mean: a file of another version is passed over. */
const VERSION = 1;

/** So many contents are searched for one by one. */
const MOST_SEARCHED = 64;

/** The records of one block, in their order. */
interface Block {
  readonly payload: Buffer;
  readonly entries: readonly StoredEntry[];
}

interface Table {
  readonly blocks: Block[];
  readonly entries: Map<ManifestId, TableEntry>;
}

function addBlock({ blocks, entries }: Table, payload: Buffer, spaces: SpaceReader): void {
  const own: StoredEntry[] = [];
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  for (let at = 0; at < payload.byteLength; ) {
    const entry = new StoredEntry(payload, view, at, spaces);
    own.push(entry);
    entries.set(entry.id, entry);
    at = entry.end;
  }
  blocks.push({ payload, entries: own });
}

function readTable(bytes: Buffer): Table & { readonly end: number } {
  const table: Table = { blocks: [], entries: new Map() };
  const spaces = new SpaceReader();
  const { payloads, end } = readBlocks(VERSION, bytes);
  for (const payload of payloads) addBlock(table, payload, spaces);
  return { ...table, end };
}

/** Places of some bytes, those that stand at a multiple of four. */
function* placesOf(payload: Buffer, bytes: Buffer): Iterable<number> {
  for (let at = payload.indexOf(bytes); at >= 0; at = payload.indexOf(bytes, at + 1)) if (at % 4 === 0) yield at;
}

/** The record that a place lies in. */
function recordAt({ entries }: Block, place: number): StoredEntry | undefined {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.end ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return entries[low];
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
  #table: Table | undefined;
  #isDamaged = false;

  constructor(file: string) {
    this.#file = file;
  }

  #open(): Table {
    if (this.#table !== undefined) return this.#table;
    let bytes = Buffer.alloc(0);
    deriveSync(() => {
      bytes = readFileSync(this.#file);
    });
    const { end, ...table } = readTable(bytes);
    this.#table = table;
    this.#isDamaged = end < bytes.byteLength;
    return table;
  }

  get(id: ManifestId): TableEntry | undefined {
    return this.#open().entries.get(id);
  }

  /** Checkpoints with these keys, in any order: found by their bytes, without a look at every record. */
  findEqual({ filesKey, weightsKey }: Pick<SummaryTraits, 'filesKey' | 'weightsKey'>): {
    readonly withFiles: readonly ManifestId[];
    readonly withWeights: readonly ManifestId[];
  } {
    return { withFiles: this.#withKey(filesKey, FILES_KEY_AT), withWeights: this.#withKey(weightsKey, WEIGHTS_KEY_AT) };
  }

  #withKey(key: string, offset: number): readonly ManifestId[] {
    if (key === '') return [];
    return this.#search(Buffer.from(key, 'latin1'), ({ at }, place) => place === at + offset);
  }

  /** Checkpoints with a content that begins like one of these, in any order. */
  findHolders(prefixes: ReadonlySet<number>): ReadonlySet<ManifestId> {
    if (prefixes.size > MOST_SEARCHED) return this.#findHoldersOfMany(prefixes);
    const found = new Set<ManifestId>();
    for (const prefix of prefixes) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(prefix);
      for (const id of this.#search(bytes, ({ at }, place) => place >= at + RECORD_BYTES)) found.add(id);
    }
    return found;
  }

  /** One look at every word of the file, where a search for each would take longer. */
  #findHoldersOfMany(prefixes: ReadonlySet<number>): ReadonlySet<ManifestId> {
    const { blocks, entries } = this.#open();
    const found = new Set<ManifestId>();
    for (const { payload, entries: own } of blocks) {
      for (const entry of own) {
        if (entries.get(entry.id) !== entry) continue;
        for (let at = entry.at + RECORD_BYTES; at < entry.end; at += 4) {
          if (!prefixes.has(payload.readUInt32LE(at))) continue;
          found.add(entry.id);
          break;
        }
      }
    }
    return found;
  }

  #search(bytes: Buffer, isMeant: (entry: StoredEntry, place: number) => boolean): readonly ManifestId[] {
    const { blocks, entries } = this.#open();
    return blocks.flatMap((block) =>
      [...placesOf(block.payload, bytes)].flatMap((place) => {
        const entry = recordAt(block, place);
        // A record that a later one replaced is none.
        return entry !== undefined && isMeant(entry, place) && entries.get(entry.id) === entry ? [entry.id] : [];
      }),
    );
  }

  add(added: ReadonlyMap<ManifestId, TableEntry>): void {
    const table = this.#open();
    const fresh = encodeEntries(added);
    if (this.#isDamaged) replaceDerived(this.#file, [encodeEntries([...table.entries, ...added])]);
    else {
      deriveSync(() => {
        mkdirSync(path.dirname(this.#file), { recursive: true });
        appendFileSync(this.#file, fresh);
      });
    }
    for (const payload of readBlocks(VERSION, fresh).payloads) addBlock(table, payload, new SpaceReader());
    this.#isDamaged = false;
  }
}
