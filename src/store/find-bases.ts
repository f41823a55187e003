import { WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import type { PackRow } from './pack-format.ts';
import type { PackHost } from './pack-host.ts';
import type { PlainBlob } from './plain-cache.ts';

/**
 * Longest chain of deltas. With it a dense f32 series still gains all but a few percent of what longer chains would, and
 * the sparse 16-bit series, which decode at the speed of memory, stay cheap to restore.
 */
export const MAX_CHAIN_DEPTH = 8;

/** How many times its own standalone code a blob may have to read and decode before it is restored. */
export const MAX_RESTORE_FACTOR = 4;

/** A stored blob that may be a base. */
export interface FoundBase {
  readonly row: Pick<PackRow, 'id' | 'depth' | 'byteLength' | 'restoreByteLength'>;
  /** What it is stored against; what its record says by default. */
  readonly bases?: readonly BlobId[];
}

export type FindRow = (id: BlobId) => Promise<FoundBase | undefined>;

/** An ancestor that a blob may be coded against, with what lies below it. */
export interface Base {
  readonly row: FoundBase['row'];
  readonly blob: PlainBlob;
}

/**
 * How many times the blob's bytes its base has. Codes and casts are smaller than what they were made from: their bound is what the
 * base's own type would have.
 */
export const widening = (baseByteLength: number, byteLength: number): number =>
  Math.max(1, baseByteLength / byteLength);

/** A base that cannot be read is no base: the blob is then stored by itself, and fsck tells of the other. */
export async function readBase(store: PackHost, id: BlobId, find: FindRow): Promise<Base | undefined> {
  const found = await find(id);
  if (found === undefined) return undefined;
  try {
    const blob = await store.readPlain(id);
    return { row: found.row, blob: found.bases === undefined ? blob : { ...blob, bases: found.bases } };
  } catch (error) {
    if (error instanceof WsvcError && (error.code === 'corrupt' || error.code === 'not-found')) return undefined;
    throw error;
  }
}

/** A base, or the nearest of its ancestors on which the chain stays within its bounds. */
export async function findBase(
  store: PackHost,
  first: BlobId | undefined,
  byteLength: number,
  find: FindRow,
  restoreLimit: number,
): Promise<Base | undefined> {
  let id = first;
  while (id !== undefined) {
    const base = await readBase(store, id, find);
    if (base === undefined) return undefined;
    const limit = restoreLimit * widening(base.row.byteLength, byteLength);
    if (base.row.depth < MAX_CHAIN_DEPTH && base.row.restoreByteLength < limit) return base;
    id = base.blob.bases[0];
  }
  return undefined;
}

/** The base's own base, when prediction may use it: of the same type and length as the base. */
export async function findBaseOfBase(store: PackHost, base: Base, find: FindRow): Promise<Base | undefined> {
  const [id] = base.blob.bases;
  const found = id === undefined ? undefined : await readBase(store, id, find);
  const isAlike = found?.blob.type === base.blob.type && found.blob.plain.byteLength === base.blob.plain.byteLength;
  return isAlike ? found : undefined;
}

/** Parts of one type that a base may be gathered from. */
export async function readParts(
  store: PackHost,
  ids: readonly BlobId[],
  find: FindRow,
): Promise<readonly Base[] | undefined> {
  const parts: Base[] = [];
  for (const id of ids) {
    const part = await readBase(store, id, find);
    if (part === undefined || part.blob.type !== (parts[0]?.blob.type ?? part.blob.type)) return undefined;
    parts.push(part);
  }
  return parts;
}
