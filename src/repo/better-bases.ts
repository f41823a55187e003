import type { BlobId, ManifestId } from '../objects/ids.ts';
import type { Manifest, ManifestFile, Segment } from '../objects/manifest.ts';
import type { BlobHint } from '../store/blob-store.ts';
import { chunkByteLength } from '../tensors/chunks.ts';
import { type BaseCheckpoint, baseCheckpoint, findBaseIn } from './find-base.ts';
import { type LineageView, readLineageView } from './lineage-view.ts';
import { rowOfChunk } from './plan-checkpoint.ts';
import type { Repository } from './repository.ts';

/** Which checkpoint each is best coded against: the one before it on its trajectory, or the one that was forked. */
function neighborsOf({ trajectories, isPruned }: LineageView): ReadonlyMap<ManifestId, ManifestId> {
  const neighbors = new Map<ManifestId, ManifestId>();
  for (const { entries, forkedFrom } of trajectories) {
    let before = forkedFrom?.id;
    for (const { id } of entries) {
      if (before !== undefined && before !== id && !neighbors.has(id)) neighbors.set(id, before);
      // What was pruned is nobody's base.
      if (!isPruned(id)) before = id;
    }
  }
  return neighbors;
}

/** Checkpoints with each after the one it is coded against, where they form no circle. */
function orderByNeighbors(
  ids: Iterable<ManifestId>,
  neighbors: ReadonlyMap<ManifestId, ManifestId>,
): readonly ManifestId[] {
  const ordered = new Set<ManifestId>();
  for (const id of ids) {
    const chain: ManifestId[] = [];
    for (let at: ManifestId | undefined = id; at !== undefined && !ordered.has(at) && !chain.includes(at); ) {
      chain.push(at);
      at = neighbors.get(at);
    }
    for (const one of chain.reverse()) ordered.add(one);
  }
  return [...ordered];
}

type BlobSegment = Extract<Segment, { readonly blob: BlobId }>;

/** The blob that begins at an offset of a file. */
function blobsByOffset(file: ManifestFile): ReadonlyMap<number, BlobSegment> {
  const blobs = new Map<number, BlobSegment>();
  let at = 0;
  for (const segment of file.segments) {
    if ('blob' in segment) blobs.set(at, segment);
    at += 'blob' in segment ? segment.byteLength : segment.literal.byteLength;
  }
  return blobs;
}

/** A blob that holds a part of a tensor, or small tensors of which this is the first, and how it may be coded. */
export interface TensorChunk {
  readonly blob: BlobId;
  readonly tensor: string;
  readonly index: number;
  readonly hint: BlobHint;
}

/** The chunks of tensors that a checkpoint's files hold verbatim. */
export function chunksOf(manifest: Manifest): readonly TensorChunk[] {
  const files = manifest.files.map(blobsByOffset);
  return manifest.tensors.flatMap((tensor) => {
    const { name, dtype, at } = tensor;
    if (at === undefined) return [];
    const step = chunkByteLength(dtype);
    return Array.from({ length: Math.ceil(at.byteLength / step) }, (_, index): TensorChunk[] => {
      const found = files[at.file]?.get(at.offset + index * step);
      if (found === undefined) return [];
      const isBundle = found.byteLength > at.byteLength - index * step;
      const hint: BlobHint = { type: dtype, ...(isBundle ? {} : rowOfChunk(tensor, index)) };
      return [{ blob: found.blob, tensor: name, index, hint }];
    }).flat();
  });
}

/** A stored checkpoint, as far as bases are concerned. */
export async function readBaseCheckpoint(repository: Repository, id: ManifestId): Promise<BaseCheckpoint> {
  const summary = await repository.checkpoints.summary(id);
  return baseCheckpoint(id, summary, await repository.checkpoints.manifest(id));
}

/** Hints for the chunks of checkpoints, in their order; where a blob occurs twice, for its first. */
async function hintsInOrder(
  repository: Repository,
  ids: readonly ManifestId[],
  basesOf: (id: ManifestId) => readonly ManifestId[],
  isTried: boolean,
): Promise<ReadonlyMap<BlobId, BlobHint>> {
  const hints = new Map<BlobId, BlobHint>();
  for (const id of ids) {
    const bases: BaseCheckpoint[] = [];
    for (const base of basesOf(id)) bases.push(await readBaseCheckpoint(repository, base));
    const findBase = findBaseIn(await readBaseCheckpoint(repository, id), bases);
    for (const { blob, tensor, index, hint } of chunksOf(await repository.checkpoints.manifest(id))) {
      if (hints.has(blob)) continue;
      const others = findBase(tensor, index).filter(({ blobs }) => !blobs.includes(blob));
      hints.set(blob, others.length === 0 ? hint : { ...hint, others, isTried });
    }
  }
  return hints;
}

/**
 * Says, for every tensor chunk of the checkpoints, which blob it is best coded against by what the whole history shows;
 * in an order in which bases come first.
 */
export async function hintsFromTrajectories(
  repository: Repository,
  manifests: Iterable<ManifestId>,
): Promise<ReadonlyMap<BlobId, BlobHint>> {
  const neighbors = neighborsOf(await readLineageView(repository));
  const basesOf = (id: ManifestId): readonly ManifestId[] => [neighbors.get(id) ?? []].flat();
  return hintsInOrder(repository, orderByNeighbors(manifests, neighbors), basesOf, false);
}

/**
 * Says, for every tensor chunk of the checkpoints, which blobs it is to be tried against by a plan: its base's, and what that stands on;
 * in an order in which bases come first.
 */
export async function hintsFromPlan(
  repository: Repository,
  manifests: Iterable<ManifestId>,
  planned: ReadonlyMap<ManifestId, ManifestId>,
): Promise<ReadonlyMap<BlobId, BlobHint>> {
  // What no plan has a base for (a copy that names its tensors otherwise) is coded against its neighbor.
  const neighbors = new Map([...neighborsOf(await readLineageView(repository)), ...planned]);
  // What others are coded against in the plan must not stand on what the plan does not know of.
  const served = new Set(planned.values());
  for (const id of manifests) if (served.has(id) && !planned.has(id)) neighbors.delete(id);
  const basesOf = (id: ManifestId): readonly ManifestId[] => {
    const first = neighbors.get(id);
    const second = first === undefined ? undefined : neighbors.get(first);
    return [first ?? [], second ?? []].flat().filter((base) => base !== id);
  };
  return hintsInOrder(repository, orderByNeighbors(manifests, neighbors), basesOf, true);
}
