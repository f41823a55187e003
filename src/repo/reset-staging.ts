import { WsvcError } from '../errors.ts';
import { type Repository, withLock } from './repository.ts';
import type { Operation } from './results.ts';
import { resolveRevision } from './revision.ts';
import { changeWorkTree } from './switch-branch.ts';
import { resolveInWorkTree, toTreePath } from './work-tree.ts';

export interface ResetResult {
  /** Where HEAD's branch stands now. */
  readonly commit: string | null;
  readonly unstaged: readonly string[];
  readonly restored: readonly string[];
  readonly removed: readonly string[];
}

export interface ResetOptions {
  /** Paths to unstage; nothing else happens then. */
  readonly paths?: readonly string[];
  /** Revision that the current branch is moved to. */
  readonly revision?: string;
  /** Make the work tree hold what the revision holds. */
  readonly hard?: boolean;
  readonly force?: boolean;
}

async function unstage(repository: Repository, paths?: readonly string[]): Promise<readonly string[]> {
  const staged = (await repository.history.listStaged()).map(({ path }) => path);
  if (paths === undefined) {
    await repository.history.unstage();
    return staged;
  }
  const named = await Promise.all(
    paths.map(async (path) => toTreePath(repository, await resolveInWorkTree(repository, path))),
  );
  const found = staged.filter((path) => named.includes(path));
  await repository.history.unstage(found);
  return found;
}

async function* resetUnderLock(repository: Repository, options: ResetOptions): Operation<ResetResult> {
  const head = await repository.history.readHead();
  const unstaged = await unstage(repository, options.paths);
  if (options.paths !== undefined || options.revision === undefined) {
    return { commit: head.commit ?? null, unstaged, restored: [], removed: [] };
  }
  if (head.kind !== 'branch') throw new WsvcError('usage', 'HEAD is on no branch that could be moved.');
  const commit = await resolveRevision(repository, options.revision);
  let changes: { readonly restored: readonly string[]; readonly removed: readonly string[] } = {
    restored: [],
    removed: [],
  };
  if (options.hard) {
    const from = head.commit === undefined ? new Map() : await repository.history.listPointers(head.commit);
    changes = yield* changeWorkTree(
      repository,
      from,
      await repository.history.listPointers(commit),
      options.force ?? false,
    );
  }
  await repository.history.updateBranch(head.branch, commit, head.commit);
  return { commit, unstaged, ...changes };
}

/**
 * Unstages paths (all by default); with a revision, moves the current branch there, and with `hard` the work tree too.
 *
 * @throws WsvcError `locked`, `not-found`, `usage`, or `not-saved` before a file is lost that is saved nowhere.
 */
export function resetStaging(repository: Repository, options: ResetOptions): Operation<ResetResult> {
  return withLock(repository, 'wsvc reset', () => resetUnderLock(repository, options));
}
