import path from 'node:path';
import { CorruptError, WsvcError } from '../errors.ts';
import type { BlobId, ManifestId } from '../objects/ids.ts';
import { LEFTOVER_GRACE_MS, listLeftovers } from '../store/atomic-file.ts';
import type { BlobHint } from '../store/blob-store.ts';
import { isHeadLost } from '../store/check-git.ts';
import { ROW_BYTES } from '../store/pack-format.ts';
import { packGitObjects, planGitPack } from '../store/pack-git-objects.ts';
import { findBaseOnly, planRepack, type RepackCandidate, type RepackPlan } from '../store/plan-repack.ts';
import { isHistoryUnreached } from '../store/recover-refs.ts';
import { readRepackCandidates, repack } from '../store/repack.ts';
import { chunksOf, hintsFromPlan, hintsFromTrajectories } from './better-bases.ts';
import type { Operation, ProgressEvent } from './operation.ts';
import { type BasePlan, planBases } from './plan-bases.ts';
import { readNeededBlobs, readNeededManifests } from './reachable.ts';
import { type Repository, readFileTime, withLockToChange } from './repository.ts';

export interface GarbageOptions {
  /** Say what would be done, and do nothing. */
  readonly dryRun?: boolean;
  /** Leave no grace to what is young. */
  readonly now?: boolean;
  /** Code everything against better bases where that is smaller. */
  readonly aggressive?: boolean;
}

/** What was done, or (`dryRun`) would be. Bytes are those of packs. */
export interface GarbageResult {
  readonly dryRun: boolean;
  readonly bytesBefore: number;
  /**
   * In a dry run as far as it is sure: coding anew, with `aggressive` or where something needed is coded against what is not, takes more
   * away.
   */
  readonly bytesAfter: number;
  readonly packsBefore: number;
  readonly packsAfter: number;
  readonly dropped: { readonly blobs: number; readonly bytes: number };
  readonly copied: { readonly blobs: number; readonly packs: number };
  /** What `aggressive` codes anew, as planned: checkpoints, what their chunks take now and, about, as they will be. */
  readonly recoded?: PlannedRecoding;
  /** Packs that were left alone because they are younger than the grace time. */
  readonly young: number;
  /** What these hold that no checkpoint needs, and in how many milliseconds the youngest of them is old enough. */
  readonly later: { readonly bytes: number; readonly waitMs: number };
  /** Loose objects and small packs of git that become one pack, and what they take; `bytesAfter` is not known in a dry run. */
  readonly git: {
    readonly objects: number;
    readonly packs: number;
    readonly bytes: number;
    readonly bytesAfter?: number;
  };
  /** What killed commands left half written: removed at once with `now`, by the next command when it is an hour old. */
  readonly halfWritten: { readonly files: number; readonly bytes: number };
}

/** A plan of bases, in figures. */
export interface PlannedRecoding {
  readonly checkpoints: number;
  /** Of these, how many stand alone. */
  readonly alone: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

interface GarbagePlan {
  readonly repack: RepackPlan;
  /** Some of what is needed is coded against what is not. */
  readonly hasOrphans: boolean;
  readonly young: number;
  readonly later: GarbageResult['later'];
  readonly manifests: ReadonlySet<ManifestId>;
}

const PHASES = { copy: 'Repacking', check: 'Reading back', remove: 'Removing' } as const;

/** Everything needed must be there: what cannot be read may need blobs that nobody knows of. */
async function readRoots(repository: Repository, manifests: ReadonlySet<ManifestId>): Promise<ReadonlySet<BlobId>> {
  try {
    return await readNeededBlobs(repository, manifests);
  } catch (cause) {
    if (!(cause instanceof WsvcError) || (cause.code !== 'not-found' && cause.code !== 'corrupt')) throw cause;
    throw new CorruptError('a checkpoint of the history cannot be read, so what it needs is not known', {
      cause,
      suggestions: ['Run "wsvc fsck --repair" first; nothing was removed.'],
    });
  }
}

/** What the grace of an hour holds back. */
function findLater(
  candidates: readonly RepackCandidate[],
  roots: ReadonlySet<BlobId>,
  youngSinceMs: number,
): GarbageResult['later'] {
  const young = candidates.filter(({ isYoung }) => isYoung);
  const rows = young.flatMap(({ file }) => file.index.rows).filter(({ id }) => !roots.has(id));
  return {
    bytes: rows.reduce((sum, { recordByteLength }) => sum + recordByteLength + ROW_BYTES, 0),
    waitMs: young.reduce((most, { modifiedMs }) => Math.max(most, modifiedMs - youngSinceMs), 0),
  };
}

/** Where a branch was lost, what it needs would look like garbage. */
async function refuseLostRefs({ directory, blobs }: Repository): Promise<void> {
  const isLost = (await isHeadLost(directory, blobs.disk)) || (await isHistoryUnreached(directory, blobs.disk));
  if (!isLost) return;
  throw new CorruptError('HEAD names a branch that is not there, so what the history needs is not known', {
    suggestions: [
      'Run "wsvc fsck --repair": it finds the commits and makes their branches again.',
      'Nothing was removed.',
    ],
  });
}

async function planGarbage(repository: Repository, options: GarbageOptions): Promise<GarbagePlan> {
  await refuseLostRefs(repository);
  const manifests = await readNeededManifests(repository);
  const roots = await readRoots(repository, manifests);
  const grace = options.now ? Number.NEGATIVE_INFINITY : LEFTOVER_GRACE_MS;
  const youngSinceMs = (await readFileTime(repository, options.dryRun ?? false)) - grace;
  const candidates = await readRepackCandidates(repository.blobs, youngSinceMs);
  for (const id of roots) {
    if (!(await repository.blobs.has(id))) {
      throw new CorruptError(`blob ${id}, which the history needs, is missing`, {
        suggestions: ['Run "wsvc fsck --repair" first; nothing was removed.'],
      });
    }
  }
  const hasOrphans = findBaseOnly(candidates, roots).size > 0;
  return {
    repack: planRepack(candidates, roots, { everything: hasOrphans || (options.aggressive ?? false) }),
    hasOrphans,
    young: candidates.filter(({ isYoung }) => isYoung).length,
    later: findLater(candidates, roots, youngSinceMs),
    manifests,
  };
}

async function* execute(
  repository: Repository,
  plan: GarbagePlan,
  bases: BasePlan | undefined,
): AsyncGenerator<ProgressEvent, void, void> {
  let hints: ReadonlyMap<BlobId, BlobHint> = new Map();
  const codesAnew = bases !== undefined || plan.hasOrphans;
  if (codesAnew) {
    yield { phase: 'Looking for better bases', done: 0, total: 1 };
    hints =
      bases === undefined
        ? await hintsFromTrajectories(repository, plan.manifests)
        : await hintsFromPlan(repository, plan.manifests, bases.bases);
  }
  const options = codesAnew ? { hints, order: [...hints.keys()], onlyOrphans: bases === undefined } : {};
  const steps = repack(repository.blobs, plan.repack, options);
  for await (const { phase, done, total } of steps) {
    yield { phase: PHASES[phase], done, total };
  }
}

/** What the planned checkpoints' own chunks take now, and about what they will take. */
async function describeRecoding(
  { blobs, checkpoints }: Repository,
  manifests: ReadonlySet<ManifestId>,
  { bases, shares }: BasePlan,
): Promise<PlannedRecoding> {
  const seen = new Set<BlobId>();
  let [bytesBefore, bytesAfter] = [0, 0];
  for (const id of manifests) {
    for (const { blob } of chunksOf(await checkpoints.manifest(id))) {
      const row = seen.has(blob) ? undefined : (await blobs.findStored(blob))?.row;
      seen.add(blob);
      bytesBefore += row?.recordByteLength ?? 0;
      bytesAfter += (row?.byteLength ?? 0) * (shares.get(id) ?? 1);
    }
  }
  return {
    checkpoints: manifests.size,
    alone: manifests.size - bases.size,
    bytesBefore,
    bytesAfter: Math.round(bytesAfter),
  };
}

/** Counts what killed commands left half written, and takes it away where no grace is to be given. */
async function collectLeftovers({ directory, blobs }: Repository, options: GarbageOptions) {
  const leftovers = await listLeftovers(path.join(directory, 'tmp'), blobs.disk);
  if (options.now && !options.dryRun) for (const leftover of leftovers) await blobs.disk.remove(leftover.path);
  return { files: leftovers.length, bytes: leftovers.reduce((sum, { byteLength }) => sum + byteLength, 0) };
}

/** Packs git's own objects, where there are many files of them. */
async function collectGit({ directory, blobs }: Repository, options: GarbageOptions): Promise<GarbageResult['git']> {
  const plan = await planGitPack(directory, blobs.disk);
  const counts = { objects: plan.loose.length, packs: plan.packs.length, bytes: plan.bytes };
  const isDone = !options.dryRun && plan.bytes > 0;
  return isDone ? { ...counts, bytesAfter: await packGitObjects(directory, plan, blobs.disk) } : counts;
}

async function* collectGarbageNow(repository: Repository, options: GarbageOptions): Operation<GarbageResult> {
  yield { phase: 'Looking for what is needed', done: 0, total: 1 };
  const plan = await planGarbage(repository, options);
  if (options.aggressive) yield { phase: 'Looking for better bases', done: 0, total: 1 };
  const bases = options.aggressive ? await planBases(repository, plan.manifests) : undefined;
  const recoded = bases === undefined ? {} : { recoded: await describeRecoding(repository, plan.manifests, bases) };
  yield { phase: "Packing git's objects", done: 0, total: 1 };
  const halfWritten = await collectLeftovers(repository, options);
  const git = await collectGit(repository, options);
  const { kept, removed, copies, dropped, bytesBefore } = plan.repack;
  const planned: GarbageResult = {
    dryRun: options.dryRun ?? false,
    bytesBefore,
    bytesAfter: plan.repack.bytesAfter,
    packsBefore: kept.length + removed.length,
    packsAfter: kept.length + Number(copies.length > 0),
    dropped,
    copied: { blobs: copies.length, packs: removed.length },
    young: plan.young,
    later: plan.later,
    ...recoded,
    git,
    halfWritten,
  };
  if (options.dryRun || removed.length === 0) return planned;
  yield* execute(repository, plan, bases);
  const packs = repository.blobs.packs.packs();
  return { ...planned, bytesAfter: packs.reduce((sum, pack) => sum + pack.byteLength, 0), packsAfter: packs.length };
}

/**
 * Removes stored blobs that no ref, HEAD or staged file needs, and merges small packs, also git's own. New packs are durable and checked
 * before old ones go, so it may be interrupted anywhere. Git's unreachable objects are kept: they are `git gc`'s to remove.
 *
 * A dry run writes nothing and takes no lock.
 *
 * @throws WsvcError `locked`; CorruptError when something needed cannot be read: then nothing was removed.
 */
export function collectGarbage(repository: Repository, options: GarbageOptions = {}): Operation<GarbageResult> {
  const asked = { purpose: 'wsvc gc', dryRun: options.dryRun };
  return withLockToChange(repository, asked, () => collectGarbageNow(repository, options));
}
