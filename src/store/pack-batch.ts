import { invariant } from '../assert.ts';
import { sha256Hex } from '../bytes/sha256.ts';
import { hasRowFactor } from '../codec/index.ts';
import { CorruptError, WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import type { FoundBase } from './base.ts';
import { type BlobBatch, type BlobHint, contentChanged, type PutResult } from './blob-store.ts';
import { chooseCode } from './choose-code.ts';
import type { ChosenCode } from './chosen-code.ts';
import { type PackRow, ROW_BYTES } from './pack-format.ts';
import type { PackHost } from './pack-host.ts';
import { PackWriter } from './pack-writer.ts';

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

/** Blobs that become durable together: coded, checked and appended to a pack. */
export class PackBatch implements BlobBatch {
  readonly #store: PackHost;
  readonly #rows = new Map<BlobId, PackRow>();
  readonly #bases = new Map<BlobId, readonly BlobId[]>();
  readonly #repack: RepackOptions | undefined;
  readonly #writer: PackWriter;
  #sha256: string | undefined;
  #state: 'open' | 'failed' | 'closed' = 'open';
  readonly #putting = new Map<BlobId, Putting>();
  #order = 0;
  /** What appends to the file is done one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: PackHost, repack?: RepackOptions) {
    this.#store = store;
    this.#writer = new PackWriter(store);
    this.#repack = repack;
  }

  /** Of the committed pack: what it is named by. */
  sha256(): string {
    invariant(this.#sha256 !== undefined, 'only a committed batch has a hash');
    return this.#sha256;
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#writer.byteLength;
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
    const code = await chooseCode(this.#store, plain, hint, async (base) => {
      await this.#settle(base, order);
      return this.#findBase(base);
    });
    const { rowFactor } = code;
    if (rowFactor === undefined) await this.#check(id, plain, code);
    else await this.#check(rowFactor.id, rowFactor.plain, rowFactor.code);
    return { plain, code };
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
    const pending = { row, read: () => this.#writer.read(row) };
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

  async #append(id: BlobId, byteLength: number, code: ChosenCode): Promise<PackRow> {
    try {
      const row: PackRow = { ...code.row, id, offset: await this.#writer.append(code.bytes), byteLength };
      this.#rows.set(id, row);
      this.#bases.set(id, code.bases);
      return row;
    } catch (error) {
      // How much was written is not known: nothing can follow it.
      this.#state = 'failed';
      throw error;
    }
  }

  async #commit(): Promise<void> {
    if (!this.#writer.isBegun) return this.#discard();
    try {
      const { sha256, name, path } = await this.#writer.commit(this.#rows.values());
      this.#sha256 = sha256;
      this.#state = 'closed';
      await this.#store.adopt(name, path);
      this.#store.removePending(this.#rows.keys());
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
  }

  async #discard(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#store.removePending(this.#rows.keys());
    await this.#writer.discard();
  }
}
