import type { BlobId } from '../objects/ids.ts';
import type { Base, FindRow, FoundBase } from './base.ts';
import type { PackHost } from './pack-host.ts';

/** Longest chain of deltas, however cheap each is: what is read for a blob lies in as many places. */
export const MAX_CHAIN_DEPTH = 8;

/** How many times the bytes of its own standalone code a blob may have to read before it is restored. */
export const MAX_RESTORE_FACTOR = 4;

/**
 * How many times the work of decoding its own standalone code restoring a blob may be. Five
 * differences with a history find room in it. With room for two, series of four take a tenth (f32) to three quarters (bf16) more.
 */
export const MAX_RESTORE_WORK = 9;

/** Work of restoring blobs with all that they are coded against, each decoded once; 0 for a coder that does not say. */
export async function measureWork(store: PackHost, roots: readonly FoundBase[], find: FindRow): Promise<number> {
  const { work } = store.coder;
  if (work === undefined) return 0;
  const seen = new Set<BlobId>();
  const waiting = [...roots];
  let total = 0;
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (seen.has(one.row.id)) continue;
    seen.add(one.row.id);
    total += work.decode(one.row);
    const bases = one.row.ancestors === 0 ? [] : (one.bases ?? (await store.readBasesOf(one.row.id)));
    for (const id of bases) waiting.push(...[(await find(id)) ?? []].flat());
  }
  return total;
}

/** A blob that looks for a base, as far as its bounds go by it. */
export interface Bounded {
  readonly type: Base['blob']['type'];
  readonly byteLength: number;
  /** Bytes that restoring may read. */
  readonly restoreLimit: number;
}

/** What a chain may cost that goes on from a base. */
export interface Room {
  /** How many blobs may follow the base one after the other. */
  readonly count: number;
  /** Work that is left to the blob's own record. */
  readonly work: number;
}

/** How many times the blob's bytes its base has. Codes and casts are smaller than what they were made from: their bound is what the base's own type would have. */
export const widening = (baseByteLength: number, byteLength: number): number =>
  Math.max(1, baseByteLength / byteLength);

/** Bytes that may be read for what follows a base, beside what is read for the base. */
export const bytesLeftOn = (
  { byteLength, restoreByteLength }: Base['row'],
  blob: Pick<Bounded, 'byteLength' | 'restoreLimit'>,
): number => blob.restoreLimit * widening(byteLength, blob.byteLength) - restoreByteLength;

/**
 * How far a chain may go on from a base.
 *
 * @param own work of one more record, about.
 */
export async function measureRoom(
  store: PackHost,
  base: Base,
  blob: Bounded,
  find: FindRow,
  own: number,
): Promise<Room> {
  const { row } = base;
  const isShallow = row.depth < MAX_CHAIN_DEPTH;
  if (!isShallow || bytesLeftOn(row, blob) <= 0) return { count: 0, work: 0 };
  const { work } = store.coder;
  if (work === undefined) return { count: MAX_CHAIN_DEPTH - row.depth, work: Number.POSITIVE_INFINITY };
  const below = await measureWork(store, [{ row, bases: base.blob.bases }], find);
  // A copy in another type stands one step above what may follow.
  const isCopy = base.blob.type !== blob.type;
  const left = MAX_RESTORE_WORK * work.alone(base.blob.type, row.byteLength) - below;
  if (isCopy) return left < 0 ? { count: 0, work: 0 } : { count: 1, work: Number.POSITIVE_INFINITY };
  const count = Math.max(0, Math.min(MAX_CHAIN_DEPTH - row.depth, Math.floor(left / own)));
  return { count, work: left };
}

/** Work of one more record on a base: as its own, where that is a difference already. */
export function nextWork(store: PackHost, base: Base | undefined, { type, byteLength }: Bounded): number {
  const { work } = store.coder;
  if (work === undefined) return 0;
  const isDelta = base !== undefined && base.row.ancestors > 0 && base.blob.type === type;
  return isDelta && !work.isUpdate(base.row) ? work.decode(base.row) : work.delta(type, byteLength);
}
