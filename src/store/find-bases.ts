import { WsvcError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import type { Base, FindRow } from './base.ts';
import type { PackHost } from './pack-host.ts';
import { type Bounded, bytesLeftOn, measureRoom, nextWork, type Room } from './restore-work.ts';

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

/** A base, and how far a chain may go on from it; with no room it is none, but tells what the next step takes. */
export interface MeasuredBase {
  readonly base: Base;
  readonly room: Room;
}

/** True where one more step like the base's own may be too much to read: whether it is, an estimate tells. */
const isTight = ({ row }: Base, blob: Bounded): boolean =>
  row.ancestors > 0 && row.recordByteLength > bytesLeftOn(row, blob);

/** A base; where its chain is at its bounds, or may be, its ancestors too. */
export async function findBases(
  store: PackHost,
  first: BlobId | undefined,
  blob: Bounded,
  find: FindRow,
): Promise<readonly MeasuredBase[]> {
  const found: MeasuredBase[] = [];
  let own: number | undefined;
  for (let id = first; id !== undefined; ) {
    const base = await readBase(store, id, find);
    if (base === undefined) break;
    own ??= nextWork(store, base, blob);
    const room = await measureRoom(store, base, blob, find, own);
    found.push({ base, room });
    if (found.length === 1 && room.count > 0 && !isTight(base, blob)) break;
    id = base.blob.bases[0];
  }
  return found;
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
