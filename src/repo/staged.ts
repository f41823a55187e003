import type { PendingMember } from './lineage-view.ts';
import type { Repository } from './repository.ts';

/** Staged checkpoints as members of the view, but for the paths that are being staged anew. */
export async function stagedMembers(
  repository: Repository,
  replaced: ReadonlySet<string> = new Set(),
): Promise<readonly PendingMember[]> {
  const staged = await repository.history.listStaged();
  return Promise.all(
    staged
      .filter(({ path }) => !replaced.has(path))
      .map(async ({ path, pointer }) => ({
        id: pointer.manifest,
        source: path,
        summary: await repository.checkpoints.summary(pointer.manifest),
      })),
  );
}
