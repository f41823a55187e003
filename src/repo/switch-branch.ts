import { WsvcError } from '../errors.ts';
import { changeWorkTree, treeOf } from './change-work-tree.ts';
import type { Operation } from './operation.ts';
import { readTips } from './recorded-checkpoints.ts';
import { createBranchUnderLock } from './refs.ts';
import { type Repository, withLock } from './repository.ts';
import { resolveRevision } from './revision.ts';

export interface SwitchResult {
  readonly branch: string | null;
  readonly commit: string | null;
  readonly restored: readonly string[];
  readonly removed: readonly string[];
  /** Paths that were left as they are, because the content they should have was pruned. */
  readonly pruned: readonly string[];
}

export interface SwitchOptions {
  /** Make the branch first, at HEAD. */
  readonly create?: boolean;
  /** Stand on a commit instead of a branch. */
  readonly detach?: boolean;
  /** Overwrite files that are not saved. */
  readonly force?: boolean;
}

async function* switchUnderLock(repository: Repository, name: string, options: SwitchOptions): Operation<SwitchResult> {
  if (options.create) await createBranchUnderLock(repository, name);
  const branch = (await repository.history.listBranches()).find((candidate) => candidate.name === name);
  if (branch === undefined && !options.detach) {
    throw new WsvcError('not-found', `There is no branch ${name}.`, {
      suggestions: ['Use --create to make it, or --detach to stand on a commit.'],
    });
  }
  const commit = options.detach ? await resolveRevision(repository, name) : branch?.commit;
  if (commit === undefined) throw new WsvcError('not-found', `There is no branch ${name}.`);
  const head = await repository.history.readHead();
  const [from, to] = [await treeOf(repository, head.commit), await treeOf(repository, commit)];
  const tips = [...(await readTips(repository)), commit];
  const changes = yield* changeWorkTree(repository, { from, to, tips, force: options.force ?? false });
  await repository.history.writeHead(options.detach ? { commit } : { branch: name });
  return { branch: options.detach ? null : name, commit, ...changes };
}

/**
 * Moves HEAD to a branch (or a commit) and makes the work tree hold its files, as git does.
 *
 * @throws WsvcError `not-found`, `locked`, or `not-saved` before a file is lost that is saved nowhere.
 */
export function switchBranch(
  repository: Repository,
  name: string,
  options: SwitchOptions = {},
): Operation<SwitchResult> {
  return withLock(repository, 'wsvc switch', () => switchUnderLock(repository, name, options));
}
