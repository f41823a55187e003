import { basename } from 'node:path';
import type { BlobId } from '../objects/ids.ts';
import { type BlobFinding, checkBlobs } from '../store/check-blobs.ts';
import { packDirectory } from '../store/pack-file.ts';
import { planRepack } from '../store/plan-repack.ts';
import { readRepackCandidates, repack } from '../store/repack.ts';
import { SET_ASIDE, salvagePacks } from '../store/salvage-packs.ts';
import { checkRepository, type FsckOptions } from './check-repository.ts';
import { type DonorStore, hashDonorFiles, openDonorStores } from './donors.ts';
import { findLost, isReadable, type Needed, readNeeded } from './lost-content.ts';
import type { Operation, ProgressEvent } from './operation.ts';
import { type RecoveredBlob, recoverLost } from './recovery.ts';
import { type HistoryRepair, repairHistory } from './repair-history.ts';
import { type Repository, withLock } from './repository.ts';
import type { FsckResult } from './results.ts';

export interface RepairOptions extends FsckOptions {
  /** Folders where lost content is looked for too: other repositories, or folders with copies of the files. */
  readonly from?: readonly string[];
}

/** What a repair did, and what is wrong still. */
export interface RepairResult extends FsckResult {
  readonly repair: HistoryRepair & {
    /** Blobs that could not be read and now can, and where their bytes were found. */
    readonly recovered: readonly RecoveredBlob[];
    /** Packs that held damaged records of blobs that are stored whole now, and were written anew. */
    readonly rewrittenPacks: number;
    /** Packs that cannot be read at all and that nothing needs any more: renamed to `*.pack.damaged`. */
    readonly setAside: readonly string[];
    /** Needed blobs for which no whole copy was found. */
    readonly unrecovered: readonly string[];
  };
}

async function findDamage(repository: Repository): Promise<readonly BlobFinding[]> {
  const findings: BlobFinding[] = [];
  for await (const finding of checkBlobs(repository.blobs, { level: 'content' })) findings.push(finding);
  return findings;
}

/** Renames packs whose index cannot be read, when nothing needs them any more; they are kept, in case somebody does. */
async function setAside(repository: Repository): Promise<readonly string[]> {
  const { disk, packs, directory } = repository.blobs;
  const names: string[] = [];
  for (const { path } of packs.damaged()) {
    await disk.rename(path, `${path}${SET_ASIDE}`);
    names.push(basename(path));
  }
  if (names.length > 0) await disk.syncDirectory(packDirectory(directory));
  await packs.refresh();
  return names;
}

/** Writes packs that hold damage anew, when everything in them that is needed can be read from somewhere. */
async function* rewriteDamaged(repository: Repository): AsyncGenerator<ProgressEvent, number, void> {
  const { blobs } = repository;
  const findings = await findDamage(repository);
  if (findings.length === 0) return 0;
  const hurt = new Set(findings.flatMap(({ blob }) => blob ?? []));
  const hurtPacks = new Set(findings.filter(({ blob }) => blob === undefined).map(({ object }) => object));
  const candidates = (await readRepackCandidates(blobs, Number.NEGATIVE_INFINITY)).map((candidate) => ({
    ...candidate,
    isYoung: !hurtPacks.has(candidate.file.path) && !candidate.file.index.rows.some(({ id }) => hurt.has(id)),
  }));
  const readable: BlobId[] = [];
  for await (const id of blobs.list()) if (await isReadable(repository, id)) readable.push(id);
  const plan = planRepack(candidates, readable, { everything: true });
  for await (const { done, total } of repack(blobs, plan)) yield { phase: 'Rewriting packs', done, total };
  return plan.removed.length;
}

/** Looks for lost blobs in unreadable packs, in other repositories, and in files. */
async function* recover(
  repository: Repository,
  needed: Needed,
  stores: readonly DonorStore[],
  from: readonly string[],
): AsyncGenerator<ProgressEvent, readonly RecoveredBlob[], void> {
  let lost = await findLost(repository, needed);
  if (lost.size === 0) return [];
  yield { phase: 'Looking through unreadable packs', done: 0, total: 1 };
  const recovered: RecoveredBlob[] = (await salvagePacks(repository.blobs)).map(({ blob, pack }) => ({
    blob,
    source: pack,
  }));
  lost = await findLost(repository, needed);
  if (lost.size === 0) return recovered;
  yield { phase: 'Hashing files', done: 0, total: 1 };
  const donors = { stores, ...(await hashDonorFiles(repository, from)) };
  recovered.push(...(yield* recoverLost(repository, needed, lost, donors)));
  // A manifest that was put back names blobs that nobody could ask for before.
  recovered.push(...(yield* recoverLost(repository, needed, await findLost(repository, needed), donors)));
  return recovered;
}

async function* repairUnderLock(damaged: Repository, options: RepairOptions): Operation<RepairResult> {
  const { from = [] } = options;
  const stores = await openDonorStores(damaged, from);
  yield { phase: 'Reading the history', done: 0, total: 1 };
  const { repaired: repository, ...history } = await repairHistory(damaged, stores);
  const { needed, isComplete } = await readNeeded(repository);
  const recovered = yield* recover(repository, needed, stores, from);
  const unrecovered = await findLost(repository, needed);
  const isWhole = isComplete && unrecovered.size === 0;
  const aside = isWhole ? await setAside(repository) : [];
  const rewrittenPacks = isWhole ? yield* rewriteDamaged(repository) : 0;
  const checked = yield* checkRepository(repository, options);
  return {
    ...checked,
    repair: { ...history, recovered, rewrittenPacks, setAside: aside, unrecovered: [...unrecovered].sort() },
  };
}

/**
 * Recovers what whole copies of the same content allow: other packs, records of packs whose index is damaged, files of the work tree
 * whose hash is that of a stored file, and the folders named in `from`. Damaged packs are written anew once everything needed is whole;
 * until then nothing is taken away. Git's objects are recovered from other repositories; files that say what there is are made anew
 * (see `repairHistory`).
 *
 * @throws WsvcError `locked`; `not-found` or `usage` for a folder of `from`.
 */
export function repairRepository(repository: Repository, options: RepairOptions = {}): Operation<RepairResult> {
  return withLock(repository, 'wsvc fsck --repair', () => repairUnderLock(repository, options));
}
