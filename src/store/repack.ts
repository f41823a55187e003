import { basename, join } from 'node:path';
import { CorruptError } from '../errors.ts';
import type { BlobId } from '../objects/ids.ts';
import type { FoundBase } from './base.ts';
import type { BlobHint } from './blob-store.ts';
import { chooseCopy } from './choose-copy.ts';
import type { Disk } from './disk.ts';
import { copiesOf, mixCopies } from './mix-copies.ts';
import { PackBatch } from './pack-batch.ts';
import { PackedBlobStore } from './pack-blob-store.ts';
import { packDirectory, packName } from './pack-file.ts';
import type { BlobCopy, PlannedCopy, RepackCandidate, RepackPlan } from './plan-repack.ts';
import { readBases } from './record-bases.ts';

/** A new pack is closed and the next begun after so many bytes: what one interruption can waste. */
const MAX_PACK_BYTES = 512 * 1024 * 1024;

export interface RepackOptions {
  /** How blobs may be coded anew; those without a hint, and those that would grow, are copied as they are. */
  readonly hints?: ReadonlyMap<BlobId, BlobHint>;
  /** Ids in the order in which blobs should be written; by default bases first. */
  readonly order?: readonly BlobId[];
  /** Code anew only what is coded against a blob that goes. */
  readonly onlyOrphans?: boolean;
}

/** Told of each blob that is copied or read back, and of each removed pack. */
export interface RepackStep {
  readonly phase: 'copy' | 'check' | 'remove';
  readonly done: number;
  readonly total: number;
}

/** Reads what planning a repacking needs. Packs changed after `youngSinceMs` are young. @throws CorruptError when a pack cannot be read. */
export function readRepackCandidates(store: PackedBlobStore, youngSinceMs: number): Promise<RepackCandidate[]> {
  return store.packs.readPresent(() => listCandidates(store, youngSinceMs));
}

async function listCandidates(store: PackedBlobStore, youngSinceMs: number): Promise<RepackCandidate[]> {
  const [damaged] = store.packs.damaged();
  if (damaged !== undefined) {
    throw new CorruptError(`"${damaged.path}" cannot be read, so what is needed is not known`, {
      cause: damaged.error,
      suggestions: ['Run "wsvc fsck --repair" first.'],
    });
  }
  const candidates: RepackCandidate[] = [];
  for (const file of [...store.packs.packs()].sort((a, b) => b.byteLength - a.byteLength)) {
    const modifiedMs = (await store.disk.find(file.path))?.modifiedMs ?? Number.POSITIVE_INFINITY;
    candidates.push({ file, bases: await readBases(store.disk, file), modifiedMs, isYoung: modifiedMs > youngSinceMs });
  }
  return candidates;
}

/** Blobs as they will be stored: in packs that stay, and in new ones. */
class Survivors {
  readonly #found = new Map<BlobId, FoundBase>();

  add(found: FoundBase): void {
    const known = this.#found.get(found.row.id);
    if (known === undefined || found.row.depth < known.row.depth) this.#found.set(found.row.id, found);
  }

  find(id: BlobId): FoundBase | undefined {
    return this.#found.get(id);
  }
}

/**
 * The copies in the order asked for; what the order does not name keeps its own place, before all others. Blobs that only
 * serve as bases are left out then: what is coded anew has better ones.
 */
function inOrder(copies: readonly PlannedCopy[], order: readonly BlobId[] | undefined): readonly PlannedCopy[] {
  if (order === undefined) return copies;
  const places = new Map(order.map((id, index) => [id, index]));
  const required = copies.filter(({ isRequired }) => isRequired);
  return required.toSorted((a, b) => (places.get(a.row.id) ?? -1) - (places.get(b.row.id) ?? -1));
}

/** Writes the new packs. Nothing that stands is touched. @returns the names of the new packs */
async function* writeCopies(
  store: PackedBlobStore,
  plan: RepackPlan,
  copies: readonly PlannedCopy[],
  { hints, onlyOrphans = false }: RepackOptions,
): AsyncGenerator<RepackStep, ReadonlySet<string>, void> {
  const survivors = new Survivors();
  for (const { file, bases } of plan.kept) {
    for (const row of file.index.rows) survivors.add({ row, bases: bases.get(row.id) ?? [] });
  }
  const names = new Set<string>();
  const begin = () => new PackBatch(store, { findKept: (id) => survivors.find(id) });
  let batch = begin();
  try {
    for (const [done, copy] of copies.entries()) {
      yield { phase: 'copy', done, total: copies.length };
      const code = await chooseCopy(store, batch, copy, hints?.get(copy.row.id), onlyOrphans);
      await batch.copy(copy.row.id, copy.row.byteLength, code);
      if (batch.byteLength < MAX_PACK_BYTES) continue;
      names.add(await finishPack(batch, survivors));
      batch = begin();
    }
    if (batch.byteLength > 0) names.add(await finishPack(batch, survivors));
  } finally {
    await batch.discard();
  }
  return names;
}

/** Writes the new packs; what takes more coded anew than as it is goes on as it is. */
async function* writeSmaller(
  store: PackedBlobStore,
  plan: RepackPlan,
  options: RepackOptions,
): AsyncGenerator<RepackStep, { readonly copies: readonly PlannedCopy[]; readonly fresh: ReadonlySet<string> }, void> {
  const known = new Set(store.packs.packs().map(({ path }) => basename(path)));
  const copies = inOrder(plan.copies, options.order);
  const fresh = yield* writeCopies(store, plan, copies, options);
  if (options.hints === undefined || options.onlyOrphans) return { copies, fresh };
  const anew = (await readRepackCandidates(store, Number.POSITIVE_INFINITY)).filter(({ file }) =>
    fresh.has(basename(file.path)),
  );
  const mixed = mixCopies(plan.copies, copiesOf(anew));
  if (mixed === undefined) return { copies, fresh };
  const smaller = yield* writeCopies(store, plan, mixed, {});
  for (const name of fresh) {
    if (known.has(name) || smaller.has(name)) continue;
    await removePack(store.disk, join(packDirectory(store.directory), name), packDirectory(store.directory));
  }
  await store.packs.refresh();
  return { copies: mixed, fresh: smaller };
}

async function finishPack(batch: PackBatch, survivors: Survivors): Promise<string> {
  await batch.commit();
  for (const found of batch.written()) survivors.add(found);
  return packName(batch.sha256());
}

/** Reads, with fresh eyes and without the packs that will go, everything that was copied. @throws CorruptError */
async function* checkSurvivors(
  store: PackedBlobStore,
  copies: readonly BlobCopy[],
  going: ReadonlySet<string>,
): AsyncGenerator<RepackStep, void, void> {
  const { disk, coder, directory } = store;
  const survivors = new PackedBlobStore(directory, { disk, coder, without: going });
  await survivors.packs.refresh();
  for (const [done, { row }] of copies.entries()) {
    yield { phase: 'check', done, total: copies.length };
    if ((await survivors.findStored(row.id)) === undefined) throw new CorruptError(`blob ${row.id} was not copied`);
    await survivors.readPlain(row.id);
  }
}

/**
 * Packs in the order in which they can go: those whose blobs are coded against others' first, so that at no moment a
 * blob is left that lacks its base.
 */
function orderRemovals(packs: readonly RepackCandidate[]): readonly RepackCandidate[] {
  const holders = new Map<BlobId, RepackCandidate[]>();
  for (const pack of packs)
    for (const { id } of pack.file.index.rows) holders.set(id, [...(holders.get(id) ?? []), pack]);
  const ordered: RepackCandidate[] = [];
  const seen = new Set<RepackCandidate>();
  const visit = (pack: RepackCandidate): void => {
    if (seen.has(pack)) return;
    seen.add(pack);
    for (const base of [...pack.bases.values()].flat()) for (const holder of holders.get(base) ?? []) visit(holder);
    ordered.push(pack);
  };
  for (const pack of packs) visit(pack);
  return ordered.reverse();
}

async function removePack(disk: Disk, path: string, folder: string): Promise<void> {
  await disk.remove(path);
  // Flushed one by one: a power cut must not keep a later removal and lose an earlier one.
  await disk.syncDirectory(folder);
}

/**
 * Carries out a plan: writes and flushes the new packs, checks them, and only then removes the old ones. Whatever
 * moment it is interrupted at, every blob of the plan's roots can be read. Call it under the repository's lock.
 *
 * @throws CorruptError when something needed cannot be read; then nothing was removed.
 */
export async function* repack(
  store: PackedBlobStore,
  plan: RepackPlan,
  options: RepackOptions = {},
): AsyncGenerator<RepackStep, void, void> {
  const { copies, fresh } = yield* writeSmaller(store, plan, options);
  // A new pack may be the same, byte for byte, as one that was to go: they are one file then.
  const going = plan.removed.filter(({ file }) => !fresh.has(basename(file.path)));
  yield* checkSurvivors(store, copies, new Set(going.map(({ file }) => basename(file.path))));
  for (const [done, pack] of orderRemovals(going).entries()) {
    yield { phase: 'remove', done, total: going.length };
    await removePack(store.disk, pack.file.path, packDirectory(store.directory));
  }
  await store.packs.refresh();
}
