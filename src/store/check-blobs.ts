import { createSha256 } from '../bytes/sha256.ts';
import { CHUNK_BYTES } from '../bytes/source.ts';
import { WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import { type Disk, isMissing } from './disk.ts';
import type { PackedBlobStore } from './pack-blob-store.ts';
import { type PackFile, readRecordBytes } from './pack-file.ts';
import { checkHeader, HEADER_BYTES, type PackRow } from './pack-format.ts';
import { decodeRecord, type PackRecord } from './pack-record.ts';

/** How deep to look: are all packs and bases there; do stored bytes match their checksums; does every blob decode to its id. */
export type CheckLevel = 'connectivity' | 'stored' | 'content';

/** Something that is wrong in the store. */
export interface BlobFinding {
  readonly level: CheckLevel;
  /** The pack's path, or the blob's id. */
  readonly object: string;
  readonly problem: string;
  /** The blob that is lost, when it is known which. */
  readonly blob?: BlobId;
}

export interface CheckedBlobs {
  readonly packs: number;
  readonly blobs: number;
  /** Stored bytes that were looked at. */
  readonly bytes: number;
}

export interface CheckOptions {
  readonly level: CheckLevel;
  /** Told of every blob that has been checked. */
  readonly onBlob?: (id: BlobId) => void;
}

const RANK = { connectivity: 0, stored: 1, content: 2 } as const satisfies Record<CheckLevel, number>;

function problemOf(error: unknown): string {
  if (!(error instanceof WsvcError)) throw error;
  return error.message;
}

async function hashPack(disk: Disk, pack: PackFile): Promise<string> {
  const file = await disk.open(pack.path, 'r');
  try {
    checkHeader(await file.read(0, HEADER_BYTES));
    const hash = createSha256();
    const end = pack.byteLength - 32;
    for (let at = 0; at < end; at += CHUNK_BYTES) hash.update(await file.read(at, Math.min(CHUNK_BYTES, end - at)));
    return hash.hex();
  } finally {
    await file.close();
  }
}

/** Level `stored` of a pack as a whole: its bytes against the hash that is its name. */
async function* checkPackHash(disk: Disk, pack: PackFile): AsyncGenerator<BlobFinding> {
  try {
    if ((await hashPack(disk, pack)) === pack.trailer.sha256) return;
    yield { level: 'stored', object: pack.path, problem: 'The pack does not match its hash.' };
  } catch (error) {
    if (isMissing(error)) return;
    yield { level: 'stored', object: pack.path, problem: problemOf(error) };
  }
}

/** What the index says must be what the record says: a wrong row would make a blob unreadable. */
function findDisagreement(row: PackRow, record: PackRecord): string | undefined {
  const isSame =
    row.codec === record.codec &&
    row.type === record.type &&
    row.byteLength === record.byteLength &&
    row.ancestors === record.bases.length;
  return isSame ? undefined : 'The index of the pack disagrees with the record.';
}

async function* checkBases(store: PackedBlobStore, row: PackRow, record: PackRecord): AsyncGenerator<BlobFinding> {
  for (const base of record.bases) {
    if ((await store.findStored(base)) !== undefined) continue;
    yield { level: 'connectivity', object: row.id, blob: row.id, problem: `Its base ${base} is not stored.` };
  }
}

/** @returns false where the pack is there no more */
async function* checkRow(
  store: PackedBlobStore,
  pack: PackFile,
  row: PackRow,
  level: CheckLevel,
): AsyncGenerator<BlobFinding, boolean, void> {
  let found: CheckLevel = 'stored';
  try {
    const bytes = await readRecordBytes(store.disk, pack.path, row);
    const record = decodeRecord(bytes);
    yield* checkBases(store, row, record);
    const problem = findDisagreement(row, record);
    if (problem !== undefined) yield { level: 'stored', object: row.id, blob: row.id, problem };
    found = 'content';
    if (level === 'content') await store.decodeRecordBytes(row.id, bytes);
  } catch (error) {
    if (isMissing(error) && (await store.disk.find(pack.path)) === undefined) return false;
    yield { level: found, object: row.id, blob: row.id, problem: problemOf(error) };
  }
  return true;
}

/** At the first level only what has a base is looked into; the others need nothing. */
function rowsToCheck(pack: PackFile, level: CheckLevel): readonly PackRow[] {
  const rows = level === 'connectivity' ? pack.index.rows.filter((row) => row.ancestors > 0) : pack.index.rows;
  return [...rows].sort((a, b) => a.offset - b.offset);
}

/**
 * Checks the blobs of a repository, yielding what is wrong and returning how much was looked at. Every copy of a blob is
 * checked, also where another one is whole.
 */
export async function* checkBlobs(
  store: PackedBlobStore,
  { level, onBlob }: CheckOptions,
): AsyncGenerator<BlobFinding, CheckedBlobs, void> {
  await store.packs.refresh();
  for (const { path, error } of store.packs.damaged()) {
    yield { level: 'connectivity', object: path, problem: error.message };
  }
  const checked = { packs: 0, blobs: 0, bytes: 0 };
  const seen = new Set<string>();
  const listUnseen = () => store.packs.packs().filter(({ path }) => !seen.has(path));
  // A collection may run meanwhile: what it takes away it has put into other packs before.
  for (let unseen = listUnseen(); unseen.length > 0; await store.packs.refresh(), unseen = listUnseen())
    for (const pack of unseen) {
      seen.add(pack.path);
      if (RANK[level] >= RANK.stored) yield* checkPackHash(store.disk, pack);
      for (const row of rowsToCheck(pack, level)) {
        if (!(yield* checkRow(store, pack, row, level))) break;
        checked.blobs += 1;
        checked.bytes += row.recordByteLength;
        onBlob?.(row.id);
      }
      checked.packs += 1;
    }
  return checked;
}
