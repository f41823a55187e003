import { basename } from 'node:path';
import { openFileSource } from '../bytes/file-source.ts';
import { sha256Hex } from '../bytes/sha256.ts';
import type { BlockType } from '../codec/codec.ts';
import { WsvcError } from '../errors.ts';
import type { BlobId, FileHash, ManifestId } from '../objects/ids.ts';
import type { ManifestFile } from '../objects/manifest.ts';
import { type BlobFinding, checkBlobs } from '../store/check-blobs.ts';
import { PackBatch } from '../store/pack-batch.ts';
import { packDirectory } from '../store/pack-file.ts';
import { planRepack } from '../store/plan-repack.ts';
import { readRepackCandidates, repack } from '../store/repack.ts';
import { chunksOf } from './better-bases.ts';
import { checkRepository, type FsckOptions } from './check-repository.ts';
import { readMoved } from './moved-files.ts';
import { readPending, withOpenFile } from './pending.ts';
import { blobsOf, walkCommits } from './reachable.ts';
import { type Repository, withLock } from './repository.ts';
import type { FsckResult, Operation, ProgressEvent } from './results.ts';
import { createFileHasher } from './stat-cache.ts';
import { toTreePath, walkModelFiles } from './work-tree.ts';

/** What a repair did, and what is wrong still. */
export interface RepairResult extends FsckResult {
  readonly repair: {
    /** Blobs that could not be read and now can, and the file of the work tree that held their bytes. */
    readonly recovered: readonly { readonly blob: string; readonly source: string }[];
    /** Packs that held damaged records of blobs that are stored whole now, and were written anew. */
    readonly rewrittenPacks: number;
    /** Packs that cannot be read at all and that nothing needs any more: renamed to `*.pack.damaged`. */
    readonly setAside: readonly string[];
    /** Needed blobs for which no whole copy was found. */
    readonly unrecovered: readonly string[];
  };
}

/** A needed checkpoint as its pointer has it; the manifest itself may be lost. */
type Needed = ReadonlyMap<ManifestId, FileHash>;

async function readNeeded(repository: Repository): Promise<Needed> {
  const needed = new Map<ManifestId, FileHash>();
  const { byId: pruned } = await repository.pruned.read();
  for await (const commit of walkCommits(repository)) {
    for (const { pointer } of await repository.history.changedPaths(commit)) {
      const { manifest, sha256 } = await repository.history.readPointer(pointer);
      if (!pruned.has(manifest)) needed.set(manifest, sha256);
    }
  }
  const waiting = (await readMoved(repository)).filter(({ isWaiting }) => isWaiting);
  for (const { pointer } of [...(await repository.history.listStaged()), ...waiting]) {
    needed.set(pointer.manifest, pointer.sha256);
  }
  return needed;
}

function isDamage(error: unknown): boolean {
  return error instanceof WsvcError && (error.code === 'corrupt' || error.code === 'not-found');
}

async function isReadable(repository: Repository, id: BlobId): Promise<boolean> {
  try {
    await repository.blobs.readPlain(id);
    return true;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return false;
  }
}

/** Needed blobs that no copy gives any more. */
async function findLost(repository: Repository, needed: Needed): Promise<Set<BlobId>> {
  const lost = new Set<BlobId>();
  for (const id of needed.keys()) {
    if (!(await isReadable(repository, id))) {
      lost.add(id);
      continue;
    }
    for (const blob of new Set(blobsOf(await repository.checkpoints.manifest(id)))) {
      if (!lost.has(blob) && !(await isReadable(repository, blob))) lost.add(blob);
    }
  }
  return lost;
}

/** Files of the work tree by the hash of their content. */
async function hashWorkTree(repository: Repository): Promise<ReadonlyMap<FileHash, string>> {
  const hash = await createFileHasher(repository);
  const files = new Map<FileHash, string>();
  for await (const file of walkModelFiles(repository.workTree)) files.set(await hash(file), file);
  return files;
}

/** Puts back blobs whose bytes were found; every put is compared with the id first. */
class Recovery {
  readonly recovered: { blob: string; source: string }[] = [];
  readonly #repository: Repository;
  readonly #lost: ReadonlySet<BlobId>;
  readonly #batch: PackBatch;
  readonly #done = new Set<BlobId>();

  constructor(repository: Repository, lost: ReadonlySet<BlobId>) {
    this.#repository = repository;
    this.#lost = lost;
    // A damaged copy does not count as stored. Nothing is coded against another: what is damaged may be its base.
    this.#batch = new PackBatch(repository.blobs, { findKept: () => undefined });
  }

  wants(id: BlobId): boolean {
    return this.#lost.has(id) && !this.#done.has(id);
  }

  async put(id: BlobId, plain: Uint8Array, type: BlockType, file: string): Promise<void> {
    if (!this.wants(id) || sha256Hex(plain) !== id) return;
    await this.#batch.put(id, plain, { type });
    this.#done.add(id);
    this.recovered.push({ blob: id, source: toTreePath(this.#repository, file) });
  }

  async finish(): Promise<void> {
    try {
      await this.#batch.commit();
    } finally {
      await this.#batch.discard();
    }
  }
}

/** A lost manifest is made anew from the file it described. */
async function recoverManifest(recovery: Recovery, id: ManifestId, file: string, path: string): Promise<void> {
  const { plan } = await readPending(file, path);
  if (plan.id !== id) return;
  await recovery.put(id, plan.encodedManifest, 'bytes', file);
  await withOpenFile(file, async ({ files }) => {
    for (const blob of plan.blobs) {
      if (!recovery.wants(blob.id)) continue;
      const plain = await files[blob.file]?.source.read(blob.offset, blob.byteLength);
      if (plain !== undefined) await recovery.put(blob.id, plain, blob.type, file);
    }
  });
}

/** The lost blobs of a stored file, from a file of the work tree that has the same content. */
async function recoverSegments(
  recovery: Recovery,
  stored: ManifestFile,
  typeOf: ReadonlyMap<BlobId, BlockType>,
  file: string,
): Promise<void> {
  const source = await openFileSource(file);
  try {
    let at = 0;
    for (const segment of stored.segments) {
      const byteLength = 'blob' in segment ? segment.byteLength : segment.literal.byteLength;
      if ('blob' in segment && recovery.wants(segment.blob)) {
        const plain = await source.read(at, byteLength);
        await recovery.put(segment.blob, plain, typeOf.get(segment.blob) ?? 'bytes', file);
      }
      at += byteLength;
    }
  } finally {
    await source.close();
  }
}

async function recoverCheckpoint(
  repository: Repository,
  recovery: Recovery,
  id: ManifestId,
  sha256: FileHash,
  workTree: ReadonlyMap<FileHash, string>,
): Promise<void> {
  const primary = workTree.get(sha256);
  if (recovery.wants(id)) {
    if (primary !== undefined) await recoverManifest(recovery, id, primary, toTreePath(repository, primary));
    return;
  }
  const manifest = await repository.checkpoints.manifest(id);
  const typeOf = new Map(chunksOf(manifest).map(({ blob, hint }) => [blob, hint.type]));
  for (const file of manifest.files) {
    const found = workTree.get(file.sha256);
    if (found !== undefined) await recoverSegments(recovery, file, typeOf, found);
  }
}

async function* recoverLost(
  repository: Repository,
  needed: Needed,
  lost: ReadonlySet<BlobId>,
): AsyncGenerator<ProgressEvent, RepairResult['repair']['recovered'], void> {
  if (lost.size === 0) return [];
  yield { phase: 'Hashing the work tree', done: 0, total: 1 };
  const workTree = await hashWorkTree(repository);
  const recovery = new Recovery(repository, lost);
  try {
    for (const [done, [id, sha256]] of [...needed].entries()) {
      yield { phase: 'Recovering', done, total: needed.size };
      await recoverCheckpoint(repository, recovery, id, sha256, workTree);
    }
  } finally {
    await recovery.finish();
  }
  return recovery.recovered;
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
    await disk.rename(path, `${path}.damaged`);
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
    isYoung: !hurtPacks.has(candidate.file.path) && !candidate.file.rows.some(({ id }) => hurt.has(id)),
  }));
  const readable: BlobId[] = [];
  for await (const id of blobs.list()) if (await isReadable(repository, id)) readable.push(id);
  const plan = planRepack(candidates, readable, { everything: true });
  for await (const { done, total } of repack(blobs, plan)) yield { phase: 'Rewriting packs', done, total };
  return plan.removed.length;
}

async function* repairUnderLock(repository: Repository, options: FsckOptions): Operation<RepairResult> {
  yield { phase: 'Reading the history', done: 0, total: 1 };
  const needed = await readNeeded(repository);
  const recovered = [...(yield* recoverLost(repository, needed, await findLost(repository, needed)))];
  // A manifest that was made anew names blobs that nobody could ask for before.
  recovered.push(...(yield* recoverLost(repository, needed, await findLost(repository, needed))));
  const unrecovered = await findLost(repository, needed);
  const isWhole = unrecovered.size === 0;
  const aside = isWhole ? await setAside(repository) : [];
  const rewrittenPacks = isWhole ? yield* rewriteDamaged(repository) : 0;
  const checked = yield* checkRepository(repository, options);
  return { ...checked, repair: { recovered, rewrittenPacks, setAside: aside, unrecovered: [...unrecovered].sort() } };
}

/**
 * Recovers what whole copies of the same content allow: other packs, and files of the work tree whose hash is that of a
 * stored file. Damaged packs are written anew once everything needed is whole; until then nothing is taken away. Git's
 * own objects are left as they are.
 *
 * @throws WsvcError `locked`; CorruptError when the history itself cannot be read.
 */
export function repairRepository(repository: Repository, options: FsckOptions = {}): Operation<RepairResult> {
  return withLock(repository, 'wsvc fsck --repair', () => repairUnderLock(repository, options));
}
