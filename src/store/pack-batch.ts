import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { invariant } from '../assert.ts';
import { sha256Hex } from '../bytes/sha256.ts';
import { hasRowFactor } from '../codec/index.ts';
import { CorruptError, WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import { type AtomicFile, discardQuietly, openAtomicFile } from './atomic-file.ts';
import type { FoundBase } from './base.ts';
import { type BlobBatch, type BlobHint, contentChanged, type PutResult } from './blob-store.ts';
import { chooseCode } from './choose-code.ts';
import type { ChosenCode } from './chosen-code.ts';
import { packDirectory, packName } from './pack-file.ts';
import { encodeHeader, encodeIndex, encodeTrailer, HEADER_BYTES, type PackRow, ROW_BYTES } from './pack-format.ts';
import type { PackHost } from './pack-host.ts';

/** Makes a batch take blobs that are stored already: only these count as stored beside its own. */
export interface RepackOptions {
  findKept(id: BlobId): FoundBase | undefined;
  /** What is put can be read through the store at once. By default the packs that are rewritten go on answering. */
  readonly isReadAtOnce?: boolean;
}

/** A blob's record as a repacking batch wrote it. */
export interface WrittenRow {
  readonly row: PackRow;
  readonly bases: readonly BlobId[];
}

/** Limit of a blob's plain length, in bytes: what index rows can say, less the record's own overhead. */
const MAX_BLOB_BYTES = 2 ** 31;

/** Bytes that are collected before they are written. */
const WRITE_BYTES = 1024 * 1024;

/** A blob that is coded and not appended yet. */
interface CodedBlob {
  readonly plain: Uint8Array;
  readonly code: ChosenCode;
}

/** A blob on its way into the pack: when it is there, or has failed. */
interface Putting {
  readonly order: number;
  readonly done: Promise<void>;
}

const ignore = (): void => undefined;

/** A pack in the making, in the repository's temporary folder. */
export class PackBatch implements BlobBatch {
  readonly #store: PackHost;
  readonly #rows = new Map<BlobId, PackRow>();
  readonly #bases = new Map<BlobId, readonly BlobId[]>();
  readonly #repack: RepackOptions | undefined;
  readonly #hash: Hash = createHash('sha256');
  #file: AtomicFile | undefined;
  #offset = 0;
  /** What was appended and not written yet, by offset. */
  readonly #waiting = new Map<number, Uint8Array>();
  #waitingBytes = 0;
  #sha256: string | undefined;
  #state: 'open' | 'failed' | 'closed' = 'open';
  readonly #putting = new Map<BlobId, Putting>();
  #order = 0;
  /** What appends to the file is done one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: PackHost, repack?: RepackOptions) {
    this.#store = store;
    this.#repack = repack;
  }

  /** Of the committed pack: what it is named by. */
  sha256(): string {
    invariant(this.#sha256 !== undefined, 'only a committed batch has a hash');
    return this.#sha256;
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#offset;
  }

  written(): readonly WrittenRow[] {
    return [...this.#rows.values()].map((row) => ({ row, bases: this.#bases.get(row.id) ?? [] }));
  }

  /** Finds a base as `put` would. */
  findBase(id: BlobId): Promise<FoundBase | undefined> {
    return this.#findBase(id);
  }

  /** Appends a record that has been decoded and compared with its id, as it is. */
  copy(id: BlobId, plainByteLength: number, code: ChosenCode): Promise<void> {
    return this.#enqueue(() => this.#append(id, plainByteLength, code).then(() => undefined));
  }

  /** Blobs that are put without waiting are coded at the same time, and appended in their order. */
  put(id: BlobId, plain: Uint8Array, hint: BlobHint): Promise<PutResult> {
    const order = this.#order++;
    const coded = this.#code(order, id, plain, hint);
    // Who waits for the result hears of it.
    coded.catch(() => undefined);
    const result = this.#enqueue(async () => this.#putCoded(id, await coded));
    const done = result.then(ignore, ignore).then(() => {
      if (this.#putting.get(id)?.order === order) this.#putting.delete(id);
    });
    this.#putting.set(id, { order, done });
    return result;
  }

  commit(): Promise<void> {
    return this.#enqueue(() => this.#commit());
  }

  discard(): Promise<void> {
    return this.#enqueue(() => this.#discard(), 'even when it is over');
  }

  #enqueue<T>(work: () => Promise<T>, when?: 'even when it is over'): Promise<T> {
    const run = async () => {
      if (when === undefined) this.#checkOpen();
      return work();
    };
    const result = this.#last.then(run, run);
    this.#last = result;
    return result;
  }

  #checkOpen(): void {
    if (this.#state === 'failed') throw new WsvcError('system', 'The batch was given up: a write to it failed.');
    invariant(this.#state === 'open', 'a batch that was committed or discarded takes nothing more');
  }

  /** Codes a blob, and decodes it again; `undefined` for one that is stored already. */
  async #code(order: number, id: BlobId, plain: Uint8Array, hint: BlobHint): Promise<CodedBlob | undefined> {
    await this.#settle(id, order);
    if (this.#isStored(id)) return undefined;
    invariant(plain.byteLength <= MAX_BLOB_BYTES, 'a blob fits the index');
    if (sha256Hex(plain) !== id) throw contentChanged();
    const owned = plain.slice();
    const code = await chooseCode(this.#store, owned, hint, async (base) => {
      await this.#settle(base, order);
      return this.#findBase(base);
    });
    const { rowFactor } = code;
    if (rowFactor === undefined) await this.#check(id, owned, code);
    else await this.#check(rowFactor.id, rowFactor.plain, rowFactor.code);
    return { plain: owned, code };
  }

  /** Waits for a blob that was put before, and may not be appended yet. */
  async #settle(id: BlobId, order: number): Promise<void> {
    const earlier = this.#putting.get(id);
    if (earlier !== undefined && earlier.order < order) await earlier.done;
  }

  async #putCoded(id: BlobId, coded: CodedBlob | undefined): Promise<PutResult> {
    if (coded === undefined || this.#isStored(id)) return { storedBytes: 0, isNew: false };
    const { plain, code } = coded;
    const { rowFactor } = code;
    let storedBytes = 0;
    if (rowFactor !== undefined) {
      storedBytes += await this.#keep(rowFactor.id, rowFactor.plain, rowFactor.code);
      // It can be decoded only now that its row factor can be read.
      await this.#check(id, plain, code);
    }
    storedBytes += await this.#keep(id, plain, code);
    const factor = rowFactor?.id ?? (hasRowFactor(code.row) ? code.bases[1] : undefined);
    return { storedBytes, isNew: true, bases: code.bases, ...(factor === undefined ? {} : { rowFactor: factor }) };
  }

  /** @throws CorruptError where a record does not decode to what was coded. */
  async #check(id: BlobId, plain: Uint8Array, code: ChosenCode): Promise<void> {
    const decoded = await this.#store.decodeForComparison(id, code.bytes);
    if (Buffer.compare(decoded, plain) !== 0)
      throw new CorruptError(`blob ${id} does not decode to the bytes that were encoded`);
  }

  /** Appends a record that was checked. @returns the bytes that it takes; 0 for a blob that is stored already. */
  async #keep(id: BlobId, plain: Uint8Array, code: ChosenCode): Promise<number> {
    if (this.#isStored(id)) return 0;
    const row = await this.#append(id, plain.byteLength, code);
    const pending = { row, read: () => this.#read(row) };
    if (this.#repack === undefined || this.#repack.isReadAtOnce === true)
      this.#store.addPending(id, pending, { plain, type: code.row.type, bases: code.bases });
    for (const base of code.bases) this.#store.spend(base);
    return code.bytes.byteLength + ROW_BYTES;
  }

  /** Does not look for new packs, once for every blob that is new: writers take turns, and what two have stored is found all the same. */
  #isStored(id: BlobId): boolean {
    if (this.#rows.has(id)) return true;
    const found = this.#repack === undefined ? this.#store.findKnown(id) : this.#repack.findKept(id);
    return found !== undefined;
  }

  /** A blob of this batch or a committed one: another batch's may be discarded, and its deltas with it. */
  async #findBase(id: BlobId): Promise<FoundBase | undefined> {
    const row = this.#rows.get(id);
    if (row !== undefined) return { row, bases: this.#bases.get(id) ?? [] };
    return this.#repack === undefined ? this.#store.findStored(id) : this.#repack.findKept(id);
  }

  #read(row: PackRow): Promise<Uint8Array> {
    invariant(this.#file !== undefined, 'a pending blob has a file');
    const waiting = this.#waiting.get(row.offset);
    return waiting === undefined ? this.#file.file.read(row.offset, row.recordByteLength) : Promise.resolve(waiting);
  }

  async #append(id: BlobId, byteLength: number, code: ChosenCode): Promise<PackRow> {
    try {
      await this.#begin();
      const row: PackRow = { ...code.row, id, offset: this.#offset, byteLength };
      await this.#write(code.bytes);
      this.#rows.set(id, row);
      this.#bases.set(id, code.bases);
      return row;
    } catch (error) {
      // How much was written is not known: nothing can follow it.
      this.#state = 'failed';
      throw error;
    }
  }

  async #begin(): Promise<void> {
    if (this.#file !== undefined) return;
    this.#file = await openAtomicFile(join(this.#store.directory, 'tmp'), { disk: this.#store.disk });
    await this.#write(encodeHeader());
    invariant(this.#offset === HEADER_BYTES, 'records begin after the header');
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#waiting.set(this.#offset, bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#hash.update(bytes);
    this.#offset += bytes.byteLength;
    if (this.#waitingBytes >= WRITE_BYTES) await this.#flush();
  }

  /** Writes what waits, in one piece: thousands of small records would take a call each. */
  async #flush(): Promise<void> {
    const pieces = [...this.#waiting.values()];
    const [only] = pieces;
    if (only !== undefined) await this.#file?.write(pieces.length === 1 ? only : Buffer.concat(pieces));
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }

  async #commit(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return this.#discard();
    try {
      await this.#finish(file);
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
  }

  async #finish(file: AtomicFile): Promise<void> {
    await this.#writeEnd();
    await this.#flush();
    const sum = new Uint8Array(this.#hash.digest());
    await file.write(sum);
    this.#sha256 = Buffer.from(sum).toString('hex');
    const name = packName(this.#sha256);
    const path = join(packDirectory(this.#store.directory), name);
    await file.commit(path);
    this.#state = 'closed';
    await this.#store.adopt(name, path);
    this.#store.removePending(this.#rows.keys());
  }

  async #writeEnd(): Promise<void> {
    const indexOffset = this.#offset;
    const index = encodeIndex([...this.#rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1)));
    await this.#write(index);
    await this.#write(encodeTrailer(indexOffset, this.#rows.size, index));
  }

  async #discard(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#store.removePending(this.#rows.keys());
    if (this.#file !== undefined) await discardQuietly(this.#file);
  }
}
