import { WsvcError } from '../errors.ts';
import type { BlobId, FileHash, ManifestId } from '../objects/ids.ts';
import { readMoved } from './moved-files.ts';
import { blobsOf, walkCommits } from './reachable.ts';
import type { Repository } from './repository.ts';

/** Needed checkpoints by manifest, with the hash of the primary file as the pointer has it: the manifest itself may be lost. */
export type Needed = ReadonlyMap<ManifestId, FileHash>;

/** Reads what history, the staging area and files that were moved in need. @throws CorruptError when the history cannot be read. */
export async function readNeeded(repository: Repository): Promise<Needed> {
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

/** True for an error that says that something stored is damaged or gone. */
export function isDamage(error: unknown): boolean {
  return error instanceof WsvcError && (error.code === 'corrupt' || error.code === 'not-found');
}

/** True when some copy of a blob decodes to what its id says. */
export async function isReadable(repository: Repository, id: BlobId): Promise<boolean> {
  try {
    await repository.blobs.readPlain(id);
    return true;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return false;
  }
}

/** Needed blobs that no copy gives any more. */
export async function findLost(repository: Repository, needed: Needed): Promise<Set<BlobId>> {
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
