import { WsvcError } from '../errors.ts';
import type { BlobId, CommitId, FileHash, ManifestId } from '../objects/ids.ts';
import { readMoved } from './moved-files.ts';
import { blobsOf } from './reachable.ts';
import type { Repository } from './repository.ts';

/** Needed checkpoints by manifest, with the hash of the primary file as the pointer has it: the manifest itself may be lost. */
export type Needed = ReadonlyMap<ManifestId, FileHash>;

/** What is needed, and whether all that says so could be read. */
export interface NeededCheck {
  readonly needed: Needed;
  readonly isComplete: boolean;
}

/** Gathers what is needed; what cannot be read makes it incomplete. */
class NeededWalk {
  readonly needed = new Map<ManifestId, FileHash>();
  isComplete = true;
  readonly #repository: Repository;
  readonly #pruned: ReadonlySet<ManifestId>;

  constructor(repository: Repository, pruned: ReadonlySet<ManifestId>) {
    this.#repository = repository;
    this.#pruned = pruned;
  }

  /** Runs a part of the walk; damage ends the part alone. */
  async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.isComplete = false;
    }
  }

  async addCommit(commit: CommitId): Promise<void> {
    const { history } = this.#repository;
    for (const { pointer } of await history.changedPaths(commit)) {
      const { manifest, sha256 } = await history.readPointer(pointer);
      if (!this.#pruned.has(manifest)) this.needed.set(manifest, sha256);
    }
  }

  async addCommits(tips: readonly CommitId[]): Promise<void> {
    const seen = new Set<CommitId>();
    const stack = [...tips];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (seen.has(id)) continue;
      const commit = id;
      seen.add(commit);
      await this.attempt(async () => void stack.push(...(await this.#repository.history.readCommit(commit)).parents));
      await this.attempt(() => this.addCommit(commit));
    }
  }
}

/** Reads what history, the staging area and files that were moved in need, as far as it can be read. */
export async function readNeeded(repository: Repository): Promise<NeededCheck> {
  const { history } = repository;
  const pruned = new Set<ManifestId>();
  const walk = new NeededWalk(repository, pruned);
  await walk.attempt(async () => {
    for (const id of (await repository.pruned.read()).byId.keys()) pruned.add(id);
  });
  await walk.attempt(async () => walk.addCommits(await history.listTips()));
  await walk.attempt(async () => {
    for (const { pointer } of await history.listStaged()) walk.needed.set(pointer.manifest, pointer.sha256);
  });
  await walk.attempt(async () => {
    for (const { pointer, isWaiting } of await readMoved(repository))
      if (isWaiting) walk.needed.set(pointer.manifest, pointer.sha256);
  });
  return { needed: walk.needed, isComplete: walk.isComplete };
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
