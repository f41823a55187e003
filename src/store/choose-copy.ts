import { hasRowFactor } from '../codec/index.ts';
import { CorruptError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import type { FoundBase } from './base.ts';
import type { BlobHint } from './blob-store.ts';
import { chooseCode } from './choose-code.ts';
import type { ChosenCode } from './chosen-code.ts';
import type { PackBatch } from './pack-batch.ts';
import type { PackedBlobStore } from './pack-blob-store.ts';
import { readRecordBytes } from './pack-file.ts';
import { decodeRecord } from './pack-record.ts';
import { placeRecord } from './place-record.ts';
import type { BlobCopy } from './plan-repack.ts';
import { MAX_CHAIN_DEPTH, MAX_RESTORE_WORK, measureWork } from './restore-work.ts';

/** The stored record, decoded and compared with the blob's id; a damaged one is replaced by what another copy says. */
async function readCopy(store: PackedBlobStore, { pack, row }: BlobCopy): Promise<ChosenCode> {
  try {
    const bytes = await readRecordBytes(store.disk, pack.file.path, row);
    await store.decodeRecordBytes(row.id, bytes);
    return { bytes, bases: decodeRecord(bytes).bases, row };
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    const { plain, type } = await store.readPlain(row.id);
    return chooseCode(store, plain, { type }, async () => undefined);
  }
}

/** The record as it is, with what the index must say of it where its bases are now; `undefined` when one is not there. */
async function placeCopy(batch: PackBatch, code: ChosenCode): Promise<ChosenCode | undefined> {
  const bases: FoundBase[] = [];
  for (const id of code.bases) {
    const base = await batch.findBase(id);
    if (base === undefined) return undefined;
    bases.push(base);
  }
  return placeRecord(code, bases);
}

/** The blob coded anew; `undefined` where that does not decode to the same bytes. */
async function recode(
  store: PackedBlobStore,
  batch: PackBatch,
  id: BlobId,
  hint: BlobHint,
): Promise<ChosenCode | undefined> {
  const { plain } = await store.readPlain(id);
  const code = await chooseCode(store, plain, hint, (base) => batch.findBase(base));
  const decoded = await store.decodeRecordBytes(id, code.bytes);
  return Buffer.compare(decoded.plain, plain) === 0 ? code : undefined;
}

/** True where restoring a record takes no more work than it may: less than one coded anew, or within the bound. */
async function isShortChain(
  store: PackedBlobStore,
  batch: PackBatch,
  copy: BlobCopy,
  code: ChosenCode,
  anew: ChosenCode,
) {
  const { work } = store.coder;
  if (code.row.depth <= anew.row.depth) return true;
  if (work === undefined) return code.row.depth <= MAX_CHAIN_DEPTH;
  const row = { ...copy.row, ...code.row };
  const taken = await measureWork(store, [{ row, bases: code.bases }], (id) => batch.findBase(id));
  return taken <= MAX_RESTORE_WORK * work.alone(row.type, row.byteLength);
}

/**
 * Says what goes into a new pack for a stored blob: the smaller of the record as it is and of one coded anew; the latter where the former stands
 * at the end of too long a chain.
 *
 * @param hint - how it may be coded anew; without one the record goes on as it is, if its bases do.
 * @param onlyOrphans - code anew only where a base does not go on.
 * @throws CorruptError where neither can be had.
 */
export async function chooseCopy(
  store: PackedBlobStore,
  batch: PackBatch,
  copy: BlobCopy,
  hint: BlobHint | undefined,
  onlyOrphans: boolean,
): Promise<ChosenCode> {
  const code = await readCopy(store, copy);
  const asIs = await placeCopy(batch, code);
  if ((hint === undefined || onlyOrphans) && asIs !== undefined) return asIs;
  const rowFactor = hasRowFactor(code.row) ? code.bases[1] : undefined;
  const anew = await recode(store, batch, copy.row.id, {
    ...(hint ?? { type: copy.row.type }),
    ...(rowFactor === undefined ? {} : { rowFactor }),
  });
  if (anew === undefined) {
    if (asIs !== undefined) return asIs;
    throw new CorruptError(`blob ${copy.row.id} cannot be coded anew`);
  }
  const isSmall = asIs !== undefined && asIs.bytes.byteLength <= anew.bytes.byteLength;
  return isSmall && (await isShortChain(store, batch, copy, asIs, anew)) ? asIs : anew;
}
