import { invariant } from '../assert.ts';
import { hasRowFactor } from '../codec/index.ts';
import type { BlobId } from '../objects/ids.ts';
import type { PackFile } from './pack-file.ts';
import { HEADER_BYTES, type PackRow, ROW_BYTES, TRAILER_BYTES } from './pack-format.ts';

/** Packs of fewer bytes are merged, when there are several. */
const SMALL_PACK_BYTES = 16 * 1024 * 1024;
/** So many small packs are left alone: merging each new one would write everything again and again. */
const MAX_SMALL_PACKS = 7;
/** A large pack is rewritten only when more of it than this is not needed: else much is written to win little. */
const MAX_UNUSED_SHARE = 0.05;

/** A pack, and what decides about it. */
export interface RepackCandidate {
  readonly file: PackFile;
  /** What its blobs are coded against. */
  readonly bases: ReadonlyMap<BlobId, readonly BlobId[]>;
  /** By the file system's clock, in milliseconds since 1970. */
  readonly modifiedMs: number;
  /** Too young to be touched: what it holds may be about to be used. */
  readonly isYoung: boolean;
}

/** One stored copy of a blob. */
export interface BlobCopy {
  readonly pack: RepackCandidate;
  readonly row: PackRow;
}

/** A copy that goes into a new pack. */
export interface PlannedCopy extends BlobCopy {
  /** Needed whatever the others are coded against; the others only as bases of what is. */
  readonly isRequired: boolean;
}

/** What a repacking will do. */
export interface RepackPlan {
  readonly kept: readonly RepackCandidate[];
  readonly removed: readonly RepackCandidate[];
  /** What goes into new packs, bases first. */
  readonly copies: readonly PlannedCopy[];
  /** Blobs that are dropped: needed by nothing, or further copies. */
  readonly dropped: { readonly blobs: number; readonly bytes: number };
  /** Of all packs, now and (copied as they are) afterwards. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

export interface PlanOptions {
  /** Rewrite all packs that are not young, however much of them is needed. */
  readonly everything?: boolean;
}

/**
 * The copy of each blob on the shortest chain. Following shortest chains only, no two copies can be coded against each
 * other, whichever packs go.
 */
function chooseCopies(candidates: readonly RepackCandidate[]): ReadonlyMap<BlobId, BlobCopy> {
  const best = new Map<BlobId, BlobCopy>();
  for (const pack of candidates) {
    for (const row of pack.file.index.rows) {
      const known = best.get(row.id);
      if (known === undefined || row.depth < known.row.depth) best.set(row.id, { pack, row });
    }
  }
  return best;
}

/** Adds blobs and all that their chosen copies are coded against. */
function addClosure(live: Set<BlobId>, ids: Iterable<BlobId>, best: ReadonlyMap<BlobId, BlobCopy>): void {
  const stack = [...ids];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (live.has(id)) continue;
    live.add(id);
    const copy = best.get(id);
    stack.push(...(copy?.pack.bases.get(id) ?? []));
  }
}

/** Row factors of the chosen copies of blobs: they are no content of their own, and stay while what needs them does. */
function rowFactors(ids: Iterable<BlobId>, best: ReadonlyMap<BlobId, BlobCopy>): ReadonlySet<BlobId> {
  const factors = new Set<BlobId>();
  for (const id of ids) {
    const copy = best.get(id);
    const [, second] = copy !== undefined && hasRowFactor(copy.row) ? (copy.pack.bases.get(id) ?? []) : [];
    if (second !== undefined) factors.add(second);
  }
  return factors;
}

const recordBytes = (rows: readonly PackRow[]): number =>
  rows.reduce((sum, row) => sum + row.recordByteLength + ROW_BYTES, 0);

/** Which packs stay, and what is live because of them too: a pack that stays needs the bases of everything in it. */
class Decision {
  readonly live = new Set<BlobId>();
  readonly kept = new Set<RepackCandidate>();
  readonly required: Set<BlobId>;
  readonly best: ReadonlyMap<BlobId, BlobCopy>;

  constructor(candidates: readonly RepackCandidate[], roots: Iterable<BlobId>) {
    this.best = chooseCopies(candidates);
    this.required = new Set(roots);
    addClosure(this.live, this.required, this.best);
  }

  keep(pack: RepackCandidate): void {
    this.kept.add(pack);
    for (const bases of pack.bases.values()) {
      for (const base of bases) this.required.add(base);
      addClosure(this.live, bases, this.best);
    }
  }

  isUsed(pack: RepackCandidate, row: PackRow): boolean {
    return this.live.has(row.id) && this.best.get(row.id)?.pack === pack;
  }

  unusedShare(pack: RepackCandidate): number {
    const unused = pack.file.index.rows.filter((row) => !this.isUsed(pack, row));
    return unused.length === 0 ? 0 : recordBytes(unused) / pack.file.byteLength;
  }
}

const isSmall = ({ file }: RepackCandidate): boolean => file.byteLength < SMALL_PACK_BYTES;

/** Keeps packs until nothing changes: each may make blobs of others needed. */
function settle(decision: Decision, candidates: readonly RepackCandidate[], everything: boolean): void {
  for (const pack of candidates) if (pack.isYoung) decision.keep(pack);
  if (everything) return;
  const rest = () => candidates.filter((pack) => !decision.kept.has(pack));
  for (let before = -1; before !== decision.kept.size; ) {
    before = decision.kept.size;
    for (const pack of rest()) {
      if (!isSmall(pack) && decision.unusedShare(pack) <= MAX_UNUSED_SHARE) decision.keep(pack);
    }
  }
  const whole = rest().filter((pack) => decision.unusedShare(pack) === 0);
  if (whole.length <= MAX_SMALL_PACKS) for (const pack of whole) decision.keep(pack);
}

function orderCopies(decision: Decision): readonly PlannedCopy[] {
  const factors = rowFactors(decision.required, decision.best);
  const copies = [...decision.live].flatMap((id) => {
    const copy = decision.best.get(id);
    if (copy === undefined || decision.kept.has(copy.pack)) return [];
    return [{ ...copy, isRequired: decision.required.has(id) || factors.has(id) }];
  });
  // A base's shortest chain is shorter than that of what is coded against it.
  return copies.sort(
    (a, b) =>
      a.row.depth - b.row.depth ||
      (a.pack.file.path < b.pack.file.path ? -1 : Number(a.pack.file.path > b.pack.file.path)) ||
      a.row.offset - b.row.offset,
  );
}

/**
 * Finds blobs that nothing needs but as bases of what is needed, in packs that may be rewritten: coding these anew frees them.
 *
 * @param roots - blobs that must stay readable.
 */
export function findBaseOnly(candidates: readonly RepackCandidate[], roots: ReadonlySet<BlobId>): ReadonlySet<BlobId> {
  const best = chooseCopies(candidates);
  const [needed, held] = [new Set<BlobId>(), new Set<BlobId>(roots)];
  addClosure(needed, roots, best);
  for (const pack of candidates)
    if (pack.isYoung) for (const bases of pack.bases.values()) addClosure(held, bases, best);
  for (const id of rowFactors(needed, best)) held.add(id);
  return new Set([...needed].filter((id) => !held.has(id)));
}

/**
 * Plans which packs stay, which go, and which of their blobs go on in new packs.
 *
 * @param roots - blobs that must stay readable; those that none of the packs holds are passed over.
 */
export function planRepack(
  candidates: readonly RepackCandidate[],
  roots: Iterable<BlobId>,
  options: PlanOptions = {},
): RepackPlan {
  const decision = new Decision(candidates, roots);
  settle(decision, candidates, options.everything ?? false);
  const removed = candidates.filter((pack) => !decision.kept.has(pack));
  const copies = orderCopies(decision);
  const [removedRows, copiedRows] = [removed.flatMap(({ file }) => file.index.rows), copies.map(({ row }) => row)];
  const bytesBefore = candidates.reduce((sum, { file }) => sum + file.byteLength, 0);
  const removedBytes = removed.reduce((sum, { file }) => sum + file.byteLength, 0);
  const envelope = copies.length === 0 ? 0 : HEADER_BYTES + TRAILER_BYTES;
  const bytesAfter = bytesBefore - removedBytes + recordBytes(copiedRows) + envelope;
  invariant(copiedRows.length <= removedRows.length, 'every blob that is copied comes from a pack that goes');
  return {
    kept: [...decision.kept],
    removed,
    copies,
    dropped: {
      blobs: removedRows.length - copiedRows.length,
      bytes: recordBytes(removedRows) - recordBytes(copiedRows),
    },
    bytesBefore,
    bytesAfter,
  };
}
