import { makeFolders } from '../store/layout.ts';
import type { RefChange } from '../store/plan-ref-recovery.ts';
import { type RecoveredGitObject, recoverGitObjects } from '../store/recover-git.ts';
import { recoverRefs } from '../store/recover-refs.ts';
import { type RemadeFile, remakeConfig, remakeFormat, remakeIndex } from '../store/remake-files.ts';
import { remakeGitPacks } from '../store/remake-git-packs.ts';
import type { DonorStore } from './donors.ts';
import { openRepository, type Repository } from './repository.ts';
import { revivePruned } from './revive-pruned.ts';
import { listStillStored } from './undo-prune.ts';

/** What was made anew of git's part of a repository. */
export interface HistoryRepair {
  /** Files of git's or wsvc's that were lost or damaged. */
  readonly remade: readonly RemadeFile[];
  /** Refs that were lost or damaged, and where they stand now. */
  readonly refs: readonly Omit<RefChange, 'isBare'>[];
  /** Git objects that could not be read and now can, and where they were found. */
  readonly recoveredGit: readonly RecoveredGitObject[];
}

async function recoverGit(
  repository: Repository,
  stores: readonly DonorStore[],
): Promise<readonly RecoveredGitObject[]> {
  if (stores.length === 0) return [];
  const names = new Map(stores.map(({ directory, name }) => [directory, name]));
  const recovered = await recoverGitObjects(repository.directory, [...names.keys()]);
  return recovered.map(({ object, source }) => ({ object, source: names.get(source) ?? source }));
}

/** A record that was found again may never have counted: what it lists and is stored all the same is not given up. */
async function reviveStored(repository: Repository): Promise<void> {
  await revivePruned(repository, await listStillStored(repository));
}

/**
 * Makes anew what is damaged in the files that say what there is: `format`, `config`, indices of git's packs, refs, HEAD and the
 * staging area. Objects come first: refs are found by them. Call it under the repository's lock.
 */
export async function repairHistory(
  repository: Repository,
  stores: readonly DonorStore[],
): Promise<HistoryRepair & { readonly repaired: Repository }> {
  const { directory, blobs } = repository;
  await makeFolders(blobs.disk, directory);
  const remade = [await remakeFormat(directory), await remakeConfig(directory), ...(await remakeGitPacks(directory))];
  const recoveredGit = [...(await recoverGit(repository, stores))];
  const refs = await recoverRefs(directory);
  remade.push(await remakeIndex(directory));
  if (refs.length > 0) recoveredGit.push(...(await recoverGit(repository, stores)));
  // What was read before may be remembered as it was.
  const repaired = await openRepository({ ...repository.environment, workingDirectory: repository.workTree });
  if (refs.some(({ ref }) => ref === 'refs/wsvc/pruned')) await reviveStored(repaired);
  return {
    remade: remade.filter((file) => file !== undefined),
    refs: refs.map(({ isBare: _isBare, ...change }) => change),
    recoveredGit,
    repaired,
  };
}
