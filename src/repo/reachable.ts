import type { BlobId, CommitId, ManifestId } from '../objects/ids.ts';
import type { Manifest } from '../objects/manifest.ts';
import { readWaitingManifests } from './moved-files.ts';
import type { Repository } from './repository.ts';

/** The blobs that a manifest's files are made of, in file order; some perhaps several times. */
export function blobsOf(manifest: Manifest): readonly BlobId[] {
  return manifest.files.flatMap(({ segments }) =>
    segments.flatMap((segment) => ('blob' in segment ? segment.blob : [])),
  );
}

/** Every commit that a ref of any kind or HEAD reaches, newest first on each line. */
async function* walkCommits(repository: Repository): AsyncGenerator<CommitId, void, void> {
  const seen = new Set<CommitId>();
  const stack = [...(await repository.history.listTips())];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    yield id;
    stack.push(...(await repository.history.readCommit(id)).parents);
  }
}

/**
 * Reads the manifests that history or the staging area needs: of every pointer in every reachable commit's tree, however
 * many a commit of stock git changes at once, and of every staged one; not of those whose content was pruned.
 *
 * @throws CorruptError when a part of the history cannot be read: what it needs is then not known.
 */
export async function readNeededManifests(repository: Repository): Promise<ReadonlySet<ManifestId>> {
  const needed = new Set<ManifestId>();
  const { byId: pruned } = await repository.pruned.read();
  // What a tree shares with its first parent's was seen there.
  for await (const commit of walkCommits(repository)) {
    for (const { pointer } of await repository.history.changedPaths(commit)) {
      const { manifest } = await repository.history.readPointer(pointer);
      if (!pruned.has(manifest)) needed.add(manifest);
    }
  }
  for (const { pointer } of await repository.history.listStaged()) needed.add(pointer.manifest);
  for (const manifest of await readWaitingManifests(repository)) needed.add(manifest);
  return needed;
}

/** Blobs that restoring what is needed reads, manifests included. @throws WsvcError `not-found`; CorruptError */
export async function readNeededBlobs(
  repository: Repository,
  manifests: Iterable<ManifestId>,
): Promise<ReadonlySet<BlobId>> {
  const needed = new Set<BlobId>();
  for (const id of manifests) {
    needed.add(id);
    for (const blob of blobsOf(await repository.checkpoints.manifest(id))) needed.add(blob);
  }
  return needed;
}
