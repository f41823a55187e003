import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { BlobId, ManifestId } from '../objects/ids.ts';
import type { PackFile } from '../store/pack-file.ts';
import { ROW_BYTES } from '../store/pack-format.ts';
import { SET_ASIDE } from '../store/salvage-packs.ts';
import { readLineageView } from './lineage-view.ts';
import type { Operation } from './operation.ts';
import { blobsOf, readNeededManifests } from './reachable.ts';
import type { Repository } from './repository.ts';

/** Where a share of the packs goes. */
export interface UsageShare {
  /** A trajectory; null for what lies on none: files without weights, and files that are only staged. */
  readonly trajectory: string | null;
  readonly checkpoints: number;
  /** Of them, those whose content was pruned: they take no part in the bytes. */
  readonly pruned: number;
  /** Of the files as they were added. */
  readonly rawBytes: number;
  /** Of their blobs as they are stored. A blob that several need counts once, where it was first used. */
  readonly storedBytes: number;
}

export interface UsageResult {
  readonly trajectories: readonly UsageShare[];
  readonly rawBytes: number;
  readonly storedBytes: number;
  /** Blobs that nothing needs but as a base of another. */
  readonly onlyBasesBytes: number;
  /** Blobs that nothing needs, and further copies: what `gc` can take away. */
  readonly unreachableBytes: number;
  /** Headers and trailers of packs. */
  readonly envelopeBytes: number;
  /** Packs that could not be read, set aside by a repair: nothing needs them. */
  readonly setAsideBytes: number;
  /** Commits, trees and pointers: git's objects, refs and staging. */
  readonly historyBytes: number;
  /** What is computed from the rest and may be deleted. */
  readonly derivedBytes: number;
  /** Files that are being written, or were when a process died. */
  readonly temporaryBytes: number;
  readonly totalBytes: number;
}

async function folderBytes(folder: string, suffix = ''): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let total = 0;
  for (const entry of entries) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) total += await folderBytes(full, suffix);
    // A file may go while it is looked at: a temporary one, or a pack that is rewritten.
    else if (entry.name.endsWith(suffix))
      total += await stat(full).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return total;
}

/** Which trajectory each checkpoint lies on; in the order of the trajectories and their checkpoints. */
async function placesOf(repository: Repository): Promise<ReadonlyMap<ManifestId, string>> {
  const places = new Map<ManifestId, string>();
  for (const { name, entries } of (await readLineageView(repository)).trajectories) {
    for (const { id } of entries) if (!places.has(id)) places.set(id, name);
  }
  return places;
}

const emptyShare = (trajectory: string | null): UsageShare => ({
  trajectory,
  checkpoints: 0,
  pruned: 0,
  rawBytes: 0,
  storedBytes: 0,
});

/** Counts a checkpoint whose content was pruned. */
function addPruned({ shares }: Tally, trajectory: string | null): void {
  const share = shares.get(trajectory) ?? emptyShare(trajectory);
  shares.set(trajectory, { ...share, checkpoints: share.checkpoints + 1, pruned: share.pruned + 1 });
}

interface Tally {
  readonly shares: Map<string | null, UsageShare>;
  readonly counted: Set<BlobId>;
}

async function addCheckpoint(
  repository: Repository,
  { shares, counted }: Tally,
  id: ManifestId,
  trajectory: string | null,
): Promise<void> {
  const manifest = await repository.checkpoints.manifest(id);
  let storedBytes = 0;
  for (const blob of [id, ...blobsOf(manifest)]) {
    if (counted.has(blob)) continue;
    counted.add(blob);
    storedBytes += await repository.blobs.storedByteLength(blob);
  }
  const share = shares.get(trajectory) ?? emptyShare(trajectory);
  shares.set(trajectory, {
    trajectory,
    checkpoints: share.checkpoints + 1,
    pruned: share.pruned,
    rawBytes: share.rawBytes + manifest.files.reduce((sum, file) => sum + file.byteLength, 0),
    storedBytes: share.storedBytes + storedBytes,
  });
}

/** Bytes of blobs that are needed only because counted ones are coded against them. */
async function basesBytes(repository: Repository, counted: ReadonlySet<BlobId>): Promise<number> {
  const bases = await repository.blobs.readBases();
  const seen = new Set(counted);
  const stack = [...counted];
  let bytes = 0;
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    for (const base of bases.get(id) ?? []) {
      if (seen.has(base)) continue;
      seen.add(base);
      stack.push(base);
      if (await repository.blobs.has(base)) bytes += await repository.blobs.storedByteLength(base);
    }
  }
  return bytes;
}

const storedRows = ({ index }: PackFile): number =>
  index.rows.reduce((total, row) => total + row.recordByteLength + ROW_BYTES, 0);

const sum = (shares: readonly UsageShare[], of: 'rawBytes' | 'storedBytes'): number =>
  shares.reduce((total, share) => total + share[of], 0);

/**
 * Measures where the space of a repository goes.
 *
 * @throws WsvcError `not-found`; CorruptError when a checkpoint of the history cannot be read.
 */
export async function* measureUsage(repository: Repository): Operation<UsageResult> {
  yield { phase: 'Reading the history', done: 0, total: 1 };
  const needed = await readNeededManifests(repository);
  const places = await placesOf(repository);
  // In the order of the trajectories, so that a shared blob counts for the earliest that has it.
  const ordered = [...new Set([...[...places.keys()].filter((id) => needed.has(id)), ...needed])];
  const tally: Tally = { shares: new Map(), counted: new Set() };
  for (const [done, id] of ordered.entries()) {
    yield { phase: 'Measuring', done, total: ordered.length };
    await addCheckpoint(repository, tally, id, places.get(id) ?? null);
  }
  const { byId: pruned } = await repository.pruned.read();
  for (const [id, trajectory] of places) if (pruned.has(id) && !needed.has(id)) addPruned(tally, trajectory);
  const trajectories = [...tally.shares.values()].sort((a, b) => b.storedBytes - a.storedBytes);
  const storedBytes = sum(trajectories, 'storedBytes');
  const onlyBasesBytes = await basesBytes(repository, tally.counted);
  const packs = repository.blobs.packs.packs();
  const packBytes = await folderBytes(path.join(repository.directory, 'blobs'));
  const setAsideBytes = await folderBytes(path.join(repository.directory, 'blobs'), SET_ASIDE);
  const rowBytes = packs.reduce((total, pack) => total + storedRows(pack), 0);
  const derivedBytes = await folderBytes(repository.derivedDirectory);
  const temporaryBytes = await folderBytes(path.join(repository.directory, 'tmp'));
  const totalBytes = await folderBytes(repository.directory);
  return {
    trajectories,
    rawBytes: sum(trajectories, 'rawBytes'),
    storedBytes,
    onlyBasesBytes,
    unreachableBytes: rowBytes - storedBytes - onlyBasesBytes,
    envelopeBytes: packBytes - rowBytes - setAsideBytes,
    setAsideBytes,
    historyBytes: totalBytes - packBytes - derivedBytes - temporaryBytes,
    derivedBytes,
    temporaryBytes,
    totalBytes,
  };
}
