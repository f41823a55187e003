import type { BlobId, ManifestId } from '../objects/ids.ts';
import { LEFTOVER_GRACE_MS } from '../store/atomic-file.ts';
import { ROW_BYTES } from '../store/pack-format.ts';
import { readNeededBlobs } from './reachable.ts';
import { type Repository, readFileTime } from './repository.ts';

/** A record's own overhead in a pack, at most: what a blob that is coded anew may take beside its plain bytes. */
const RECORD_BYTES = 96;

interface StoredBlob {
  readonly recordByteLength: number;
  readonly byteLength: number;
}

/** Reads what stored blobs take and what they are coded against. */
async function openCosts(repository: Repository) {
  const bases = await repository.blobs.readBases();
  const find = async (id: BlobId): Promise<StoredBlob> =>
    (await repository.blobs.findStored(id))?.row ?? { recordByteLength: 0, byteLength: 0 };
  const cost = async (id: BlobId): Promise<number> => {
    const { recordByteLength } = await find(id);
    return recordByteLength === 0 ? 0 : recordByteLength + ROW_BYTES;
  };
  return { bases, find, cost };
}

function closureOf(
  ids: Iterable<BlobId>,
  bases: ReadonlyMap<BlobId, readonly BlobId[]>,
  isInside: (id: BlobId) => boolean,
): ReadonlySet<BlobId> {
  const found = new Set<BlobId>();
  const stack = [...ids];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (found.has(id) || !isInside(id)) continue;
    found.add(id);
    stack.push(...(bases.get(id) ?? []));
  }
  return found;
}

/** What a garbage collection will take away, and what of that the grace of an hour holds back at first. */
export interface FreedBytes {
  /** At least about so many. */
  readonly bytes: number;
  /** Of them in packs that are younger than an hour. */
  readonly youngBytes: number;
  /** In how many milliseconds the youngest of these packs is an hour old. */
  readonly waitMs: number;
}

/** How much of what goes lies in young packs, and for how long they are young. */
async function findYoung(
  repository: Repository,
  going: Iterable<BlobId>,
  isReader: boolean,
): Promise<{ readonly share: number; readonly waitMs: number }> {
  const { blobs } = repository;
  const youngSinceMs = (await readFileTime(repository, isReader)) - LEFTOVER_GRACE_MS;
  const ages = new Map<string, number>();
  let [all, young, waitMs] = [0, 0, 0];
  for (const id of going) {
    const { path, row } = (await blobs.findStored(id)) ?? {};
    if (path === undefined || row === undefined) continue;
    const modifiedMs = ages.get(path) ?? (await blobs.disk.find(path))?.modifiedMs ?? 0;
    ages.set(path, modifiedMs);
    all += row.recordByteLength;
    if (modifiedMs <= youngSinceMs) continue;
    young += row.recordByteLength;
    waitMs = Math.max(waitMs, modifiedMs - youngSinceMs);
  }
  return { share: all === 0 ? 0 : young / all, waitMs };
}

/**
 * Says how many bytes of packs a garbage collection takes away once only `kept` is needed and not `needed`. What is coded against a blob
 * that goes is coded anew then; it is counted as large as all that it is coded against together, or as its plain bytes
 * if these are fewer. So at least about as much is freed.
 *
 * @param isReader - nothing may be written, not even to see the time of the disk.
 */
export async function measureFreed(
  repository: Repository,
  needed: ReadonlySet<ManifestId>,
  kept: ReadonlySet<ManifestId>,
  isReader: boolean,
): Promise<FreedBytes> {
  const { bases, find, cost } = await openCosts(repository);
  const before = await readNeededBlobs(repository, needed);
  const after = await readNeededBlobs(repository, kept);
  let freed = 0;
  for (const id of closureOf(before, bases, () => true)) freed += await cost(id);
  for (const id of after) {
    const own = await cost(id);
    const going = closureOf(bases.get(id) ?? [], bases, (base) => !after.has(base));
    let chain = own;
    for (const base of going) chain += await cost(base);
    freed -= going.size === 0 ? own : Math.min(chain, (await find(id)).byteLength + RECORD_BYTES + ROW_BYTES);
  }
  const bytes = Math.max(0, freed);
  const { share, waitMs } = await findYoung(
    repository,
    [...before].filter((id) => !after.has(id)),
    isReader,
  );
  return { bytes, youngBytes: Math.round(bytes * share), waitMs };
}
