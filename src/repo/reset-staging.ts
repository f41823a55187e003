import { resolve } from 'node:path';
import { WsvcError } from '../errors.ts';
import type { CommitId } from '../objects/ids.ts';
import { changeWorkTree, treeOf, type WorkTreeChanges } from './change-work-tree.ts';
import { checkMovedStaySaved } from './moved-saved.ts';
import type { Operation } from './operation.ts';
import { type Repository, withLock } from './repository.ts';
import { resolveRevision } from './revision.ts';
import { isFileOnDisk } from './show-checkpoint.ts';
import { resolveInWorkTree, toTreePath } from './work-tree.ts';

export interface ResetResult {
  /** Where HEAD's branch stands now. */
  readonly commit: string | null;
  readonly unstaged: readonly string[];
  readonly restored: readonly string[];
  readonly removed: readonly string[];
  /** Paths that were left as they are, because the content they should have was pruned. */
  readonly pruned: readonly string[];
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

/** True for a path that is staged, or stands on disk: then it is not a revision that is meant. */
export async function isPathToUnstage(repository: Repository, named: string): Promise<boolean> {
  const { workingDirectory } = repository.environment;
  if (await isFileOnDisk(workingDirectory, named)) return true;
  const path = toTreePath(repository, resolve(workingDirectory, named));
  return (await repository.history.listStaged()).some((entry) => entry.path === path);
}

/** What the other branches and the tags hold: once this branch has moved, only that and its new place are saved. */
async function tipsWithout(repository: Repository, branch: string): Promise<readonly CommitId[]> {
  const branches = (await repository.history.listBranches()).filter(({ name }) => name !== branch);
  return [...branches, ...(await repository.history.listTags())].map(({ commit }) => commit);
}

async function* resetUnderLock(repository: Repository, options: ResetOptions): Operation<ResetResult> {
  const head = await repository.history.readHead();
  if (options.paths !== undefined || options.revision === undefined) {
    const unstaged = await unstage(repository, options.paths);
    return { commit: head.commit ?? null, unstaged, restored: [], removed: [], pruned: [] };
  }
  if (head.kind !== 'branch') throw new WsvcError('usage', 'HEAD is on no branch that could be moved.');
  const commit = await resolveRevision(repository, options.revision);
  const tips = [...(await tipsWithout(repository, head.branch)), commit];
  if (!options.force) await checkMovedStaySaved(repository, tips);
  let changes: WorkTreeChanges = { restored: [], removed: [], pruned: [] };
  if (options.hard) {
    changes = yield* changeWorkTree(repository, {
      from: await treeOf(repository, head.commit),
      to: await treeOf(repository, commit),
      everything: true,
      tips,
      force: options.force ?? false,
    });
  }
  await repository.history.updateBranch(head.branch, commit, head.commit);
  return { commit, unstaged: await unstage(repository), ...changes };
}

/**
 * Unstages paths (all by default); with a revision, moves the current branch there, and with `hard` the work tree too.
 *
 * @throws WsvcError `locked`, `not-found`, `usage`, or `not-saved` before a file is lost that is saved nowhere.
 */
export function resetStaging(repository: Repository, options: ResetOptions): Operation<ResetResult> {
  return withLock(repository, 'wsvc reset', () => resetUnderLock(repository, options));
}
