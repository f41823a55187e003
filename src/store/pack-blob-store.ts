import { join } from 'node:path';
import { sha256Hex } from '../bytes/sha256.ts';
import type { BlockContext } from '../codec/codec.ts';
import { type BlockCoder, hasRowFactor, isGathered, localCoder } from '../codec/index.ts';
import { CorruptError, WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import type { BlobBatch, BlobStore } from './blob-store.ts';
import { type Disk, isMissing, nodeDisk } from './disk.ts';
import { PackBatch } from './pack-batch.ts';
import { openPack, packDirectory, RecordReader } from './pack-file.ts';
import { type PackRow, ROW_BYTES } from './pack-format.ts';
import type { PackHost, PendingBlob } from './pack-host.ts';
import { decodeRecord, type PackRecord } from './pack-record.ts';
import { type Location, PackSet } from './pack-set.ts';
import { type PlainBlob, PlainCache } from './plain-cache.ts';
import { decodeRecordBases, readBases } from './record-bases.ts';

export interface BlobStoreOptions {
  readonly disk?: Disk;
  readonly coder?: BlockCoder;
  /** Plain bytes of decoded blobs that are kept at hand. */
  readonly cacheBytes?: number;
  /** Names of packs that are looked at as if they were gone. */
  readonly without?: ReadonlySet<string>;
}

/** Room for the chunks of a large tensor and its two ancestors many times over, and for all of a checkpoint of usual size and its base. */
const CACHE_BYTES = 64 * 1024 * 1024;

/** No chain is longer than a row can say; more is a circle of damaged or forged records. */
const MAX_ANCESTRY = 255;

/** Blobs in packs: the store of a repository on disk. */
export class PackedBlobStore implements BlobStore, PackHost {
  readonly disk: Disk;
  readonly coder: BlockCoder;
  readonly directory: string;
  readonly packs: PackSet;
  readonly #cache: PlainCache;
  readonly #records: RecordReader;
  readonly #pending = new Map<BlobId, PendingBlob>();
  /** Blobs that are being read: who asks for one meanwhile waits for the same. */
  readonly #reading = new Map<BlobId, Promise<PlainBlob>>();

  constructor(directory: string, options: BlobStoreOptions = {}) {
    this.directory = directory;
    this.disk = options.disk ?? nodeDisk;
    this.coder = options.coder ?? localCoder;
    this.packs = new PackSet(this.disk, packDirectory(directory), options.without);
    this.#records = new RecordReader(this.disk);
    this.#cache = new PlainCache(options.cacheBytes ?? CACHE_BYTES);
  }

  async has(id: BlobId): Promise<boolean> {
    return (await this.#findRow(id)) !== undefined;
  }

  async read(id: BlobId): Promise<Uint8Array> {
    // A copy: the caller may write into what it gets, the cache is the base of later deltas.
    return (await this.readPlain(id)).plain.slice();
  }

  async view(id: BlobId): Promise<Uint8Array> {
    return (await this.readPlain(id)).plain;
  }

  async storedByteLength(id: BlobId): Promise<number> {
    const row = await this.#findRow(id);
    if (row === undefined) throw this.packs.absent(id);
    return row.recordByteLength + ROW_BYTES;
  }

  async *list(): AsyncIterable<BlobId> {
    await this.packs.refresh();
    yield* [...this.packs.ids()];
  }

  /** What each stored blob that has bases is coded against, by the copy that is read first. @throws CorruptError */
  readBases(): Promise<ReadonlyMap<BlobId, readonly BlobId[]>> {
    return this.packs.readPresent(() => this.#readAllBases());
  }

  async #readAllBases(): Promise<ReadonlyMap<BlobId, readonly BlobId[]>> {
    const all = new Map<BlobId, readonly BlobId[]>();
    for (const pack of this.packs.packs()) {
      for (const [id, bases] of await readBases(this.disk, pack)) {
        if (this.packs.find(id)?.path === pack.path) all.set(id, bases);
      }
    }
    return all;
  }

  /** What a stored blob is coded against, read without decoding it. @throws WsvcError `not-found`; CorruptError */
  async readBasesOf(id: BlobId): Promise<readonly BlobId[]> {
    const cached = this.#cache.find(id);
    if (cached !== undefined) return cached.bases;
    const pending = this.#pending.get(id);
    if (pending !== undefined) return decodeRecordBases(await pending.read());
    const location = await this.findStored(id);
    if (location === undefined) throw this.packs.absent(id);
    return decodeRecordBases(await this.#records.read(location.path, location.row));
  }

  async beginBatch(): Promise<BlobBatch> {
    await this.packs.refresh();
    return new PackBatch(this);
  }

  async #findRow(id: BlobId): Promise<PackRow | undefined> {
    return this.#pending.get(id)?.row ?? (await this.findStored(id))?.row;
  }

  findKnown(id: BlobId): Location | undefined {
    return this.packs.find(id);
  }

  /** A committed blob; packs that others have made since are looked at before the answer is no. */
  async findStored(id: BlobId): Promise<Location | undefined> {
    const known = this.packs.find(id);
    if (known !== undefined) return known;
    await this.packs.refresh();
    return this.packs.find(id);
  }

  /** Makes a blob of a batch readable in this process before it is committed. */
  addPending(id: BlobId, pending: PendingBlob, blob: PlainBlob): void {
    this.#pending.set(id, pending);
    this.#cache.add(id, blob);
  }

  spend(id: BlobId): void {
    this.#cache.spend(id);
  }

  removePending(ids: Iterable<BlobId>): void {
    for (const id of ids) {
      this.#pending.delete(id);
      this.#cache.remove(id);
    }
  }

  /** Takes up a pack that a batch has just committed. */
  async adopt(name: string, path: string): Promise<void> {
    this.packs.add(name, await openPack(this.disk, path));
  }

  /**
   * The blob, decoded and checked against its id. Not to be written into.
   *
   * @throws WsvcError `not-found`; CorruptError
   */
  async readPlain(id: BlobId, ancestry = 0): Promise<PlainBlob> {
    const cached = this.#cache.find(id);
    if (cached !== undefined) return cached;
    // Only who begins a chain waits for another's reading: a circle of records would wait for itself.
    return ancestry > 0 ? this.#readOnce(id, ancestry) : (this.#reading.get(id) ?? this.#startReading(id));
  }

  #startReading(id: BlobId): Promise<PlainBlob> {
    const reading = this.#readOnce(id, 0).finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
  }

  async #readOnce(id: BlobId, ancestry: number): Promise<PlainBlob> {
    const blob = await this.#decode(id, ancestry);
    this.#cache.add(id, blob);
    return blob;
  }

  /** A pack that another process has rewritten is gone from one moment to the next; its blobs are in another by then. */
  async #decode(id: BlobId, ancestry: number): Promise<PlainBlob> {
    try {
      return await this.#decodeStored(id, ancestry);
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.packs.refresh();
      return this.#decodeStored(id, ancestry);
    }
  }

  async #decodeStored(id: BlobId, ancestry: number): Promise<PlainBlob> {
    if (ancestry > MAX_ANCESTRY) throw new CorruptError(`blob ${id} is coded against itself`);
    const pending = this.#pending.get(id);
    if (pending !== undefined) return this.decodeRecordBytes(id, await pending.read(), ancestry);
    await this.findStored(id);
    let failure: unknown;
    for (const { path, row } of this.packs.findAll(id)) {
      try {
        return await this.decodeRecordBytes(id, await this.#records.read(path, row), ancestry);
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? this.packs.absent(id);
  }

  /** Decodes a stored record, whatever it is coded against, and checks the content. @throws CorruptError */
  async decodeRecordBytes(id: BlobId, bytes: Uint8Array, ancestry = 0): Promise<PlainBlob> {
    const record = decodeRecord(bytes);
    const plain = await this.#decodeUnchecked(id, record, ancestry);
    if (sha256Hex(plain) !== id) throw new CorruptError(`blob ${id} does not have the content that its id says`);
    return { plain, type: record.type, bases: record.bases };
  }

  /** Decodes a record whose content the caller compares with what it should be. @throws CorruptError */
  decodeForComparison(id: BlobId, bytes: Uint8Array): Promise<Uint8Array> {
    return this.#decodeUnchecked(id, decodeRecord(bytes), 0);
  }

  async #decodeUnchecked(id: BlobId, record: PackRecord, ancestry: number): Promise<Uint8Array> {
    return this.#decodePayload(id, record, await this.#contextOf(id, record, ancestry));
  }

  async #decodePayload(id: BlobId, record: PackRecord, context: BlockContext): Promise<Uint8Array> {
    try {
      return await this.coder.decodeBlock(record, record.byteLength, context);
    } catch (cause) {
      if (cause instanceof WsvcError && cause.code === 'format-version') throw cause;
      throw new CorruptError(`blob ${id} cannot be decoded`, { cause });
    }
  }

  async #contextOf(id: BlobId, record: PackRecord, ancestry: number): Promise<BlockContext> {
    const ancestors: Uint8Array[] = [];
    for (const base of record.bases) ancestors.push(await this.#readAncestor(id, base, ancestry + 1));
    if (isGathered(record)) {
      const parts = new Uint8Array(Buffer.concat(ancestors));
      return { type: record.type, parts, ...(record.baseType === undefined ? {} : { baseType: record.baseType }) };
    }
    const [base, second] = ancestors;
    const isFactor = hasRowFactor({ codec: record.codec, ancestors: ancestors.length });
    return {
      type: record.type,
      ...(base === undefined || record.baseType === undefined ? {} : { base, baseType: record.baseType }),
      ...(second === undefined ? {} : isFactor ? { rowFactor: second } : { baseOfBase: second }),
    };
  }

  async #readAncestor(id: BlobId, base: BlobId, ancestry: number): Promise<Uint8Array> {
    try {
      return (await this.readPlain(base, ancestry)).plain;
    } catch (cause) {
      if (isMissing(cause)) throw cause;
      throw new CorruptError(`blob ${id} is coded against ${base}, which cannot be read`, { cause });
    }
  }
}

/**
 * Opens the blobs of a repository (`directory` is its `.wsvc`): reads the indices of all packs.
 *
 * @throws WsvcError `format-version` when a pack is newer than this wsvc.
 */
export async function openBlobStore(directory: string, options: BlobStoreOptions = {}): Promise<PackedBlobStore> {
  const store = new PackedBlobStore(directory, options);
  await store.packs.refresh();
  return store;
}

/** Makes the folders of a blob store below a repository's directory, and opens it; harmless when they exist. */
export async function createBlobStore(directory: string, options: BlobStoreOptions = {}): Promise<PackedBlobStore> {
  const disk = options.disk ?? nodeDisk;
  await disk.makeDirectory(packDirectory(directory));
  await disk.syncDirectory(join(directory, 'blobs'));
  await disk.syncDirectory(directory);
  return openBlobStore(directory, options);
}
