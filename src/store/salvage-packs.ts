import { basename, join } from 'node:path';
import { sha256Hex } from '../bytes/sha256.ts';
import { CorruptError, WsvcError } from '../errors.ts';
import { type BlobId, parseBlobId } from '../objects/ids.ts';
import type { FoundBase } from './base.ts';
import type { Disk, DiskFile } from './disk.ts';
import { PackBatch } from './pack-batch.ts';
import type { PackedBlobStore } from './pack-blob-store.ts';
import { isPackName, packDirectory } from './pack-file.ts';
import { decodeRecord, type PackRecord } from './pack-record.ts';
import { placeRecord } from './place-record.ts';
import { scanRecords } from './scan-records.ts';

/** What a pack that was set aside ends in: readers pass over it. */
export const SET_ASIDE = '.damaged';

/** A blob that was found in a pack without a readable index and is stored in a new one. */
export interface SalvagedBlob {
  readonly blob: BlobId;
  /** The pack's file name. */
  readonly pack: string;
}

/** Where a record stands. */
interface Place {
  readonly path: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** No id: stands in messages for that of a blob whose content is not known yet. */
const UNKNOWN = parseBlobId('0'.repeat(64));

async function withFile<T>(disk: Disk, path: string, work: (file: DiskFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path, 'r');
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

/** Packs without a readable index, those among them that an earlier repair has set aside. */
async function listUnreadable({ disk, directory, packs }: PackedBlobStore): Promise<readonly string[]> {
  const folder = packDirectory(directory);
  const aside = (await disk.list(folder)).filter(
    (name) => name.endsWith(SET_ASIDE) && isPackName(name.slice(0, -SET_ASIDE.length)),
  );
  return [...packs.damaged().map(({ path }) => path), ...aside.map((name) => join(folder, name))];
}

async function findRecords(disk: Disk, path: string): Promise<readonly Place[]> {
  const fileByteLength = (await disk.find(path))?.byteLength ?? 0;
  return withFile(disk, path, async (file) => {
    const places: Place[] = [];
    for await (const { offset, bytes } of scanRecords(file, fileByteLength)) {
      places.push({ path, offset, byteLength: bytes.byteLength });
    }
    return places;
  });
}

/** Copies records as they are into a new pack, bases first, and says what the index must say of them. */
class Salvage {
  readonly found: SalvagedBlob[] = [];
  readonly #store: PackedBlobStore;
  readonly #batch: PackBatch;

  constructor(store: PackedBlobStore) {
    this.#store = store;
    this.#batch = new PackBatch(store, { findKept: () => undefined });
  }

  /** @returns false where it cannot be decoded: perhaps what it is coded against is found later. */
  async take(place: Place): Promise<boolean> {
    const bytes = await this.#read(place);
    const record = decodeRecord(bytes);
    const plain = await this.#decode(bytes, record);
    if (plain === undefined) return false;
    const id = parseBlobId(sha256Hex(plain));
    if ((await this.#batch.findBase(id)) === undefined && !(await this.#isStored(id))) {
      await this.#copy(id, place, bytes, record, plain);
    }
    return true;
  }

  #read({ path, offset, byteLength }: Place): Promise<Uint8Array> {
    return withFile(this.#store.disk, path, (file) => file.read(offset, byteLength));
  }

  async #decode(bytes: Uint8Array, { bases }: PackRecord): Promise<Uint8Array | undefined> {
    for (const base of bases) if (!(await this.#isReadable(base))) return undefined;
    try {
      return await this.#store.decodeForComparison(UNKNOWN, bytes);
    } catch (error) {
      if (error instanceof CorruptError) return undefined;
      throw error;
    }
  }

  async #isReadable(id: BlobId): Promise<boolean> {
    try {
      await this.#store.readPlain(id);
      return true;
    } catch (error) {
      if (error instanceof WsvcError && (error.code === 'corrupt' || error.code === 'not-found')) return false;
      throw error;
    }
  }

  async #isStored(id: BlobId): Promise<boolean> {
    return this.#store.findKnown(id) !== undefined && (await this.#isReadable(id));
  }

  async #copy(id: BlobId, place: Place, bytes: Uint8Array, record: PackRecord, plain: Uint8Array): Promise<void> {
    const { codec, type, bases } = record;
    const lengths = { recordByteLength: place.byteLength, restoreByteLength: place.byteLength };
    const code = { bytes, bases, row: { ...lengths, codec, type, depth: 0, ancestors: bases.length } };
    const found: FoundBase[] = [];
    for (const base of bases) found.push(await this.#findBase(base));
    await this.#batch.copy(id, plain.byteLength, placeRecord(code, found));
    const row = { ...code.row, id, offset: place.offset, byteLength: plain.byteLength };
    // What is coded against it can be read before the new pack is there.
    this.#store.addPending(id, { row, read: () => this.#read(place) }, { plain, type, bases });
    this.found.push({ blob: id, pack: basename(place.path) });
  }

  async #findBase(id: BlobId): Promise<FoundBase> {
    const written = await this.#batch.findBase(id);
    const stored = written ?? this.#store.findKnown(id);
    if (stored === undefined) throw new CorruptError(`blob ${id} is read and not stored`);
    return written ?? { row: stored.row, bases: (await this.#store.readPlain(id)).bases };
  }

  async finish(): Promise<void> {
    try {
      await this.#batch.commit();
    } finally {
      await this.#batch.discard();
    }
  }
}

/**
 * Looks through packs whose index cannot be read, record by record, and writes every whole blob in them that is not stored
 * elsewhere into a new pack, coded as it was. The old packs stay. Call it under the repository's lock.
 *
 * @throws WsvcError `format-version` for a record that a newer wsvc has written.
 */
export async function salvagePacks(store: PackedBlobStore): Promise<readonly SalvagedBlob[]> {
  const salvage = new Salvage(store);
  try {
    let waiting: Place[] = [];
    for (const path of await listUnreadable(store)) waiting.push(...(await findRecords(store.disk, path)));
    // A pack may be coded against another that is looked through later.
    for (let before = -1; before !== waiting.length; ) {
      before = waiting.length;
      const left: Place[] = [];
      for (const place of waiting) if (!(await salvage.take(place))) left.push(place);
      waiting = left;
    }
  } finally {
    await salvage.finish();
  }
  return salvage.found;
}
