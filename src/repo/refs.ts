import { WsvcError } from '../errors.ts';
import type { CommitId } from '../objects/ids.ts';
import { acquireLock } from '../store/lock.ts';
import { checkMovedStaySaved } from './moved-saved.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import type { NamedCommit } from './results.ts';
import { resolveRevision } from './revision.ts';

/** Branches in name order, the current one marked. */
export async function listBranches(repository: Repository): Promise<readonly NamedCommit[]> {
  const head = await repository.history.readHead();
  const current = head.kind === 'branch' ? head.branch : undefined;
  return (await repository.history.listBranches()).map(({ name, commit }) => ({
    name,
    commit,
    current: name === current,
  }));
}

/** As the only writer: a collection that runs would not know that a commit is needed again, or no longer. @throws WsvcError `locked` */
async function underLock<T>(repository: Repository, purpose: string, work: () => Promise<T>): Promise<T> {
  await using _lock = await acquireLock(repository.directory, { purpose });
  // Whoever had the lock until now may have pruned.
  repository.pruned.forget();
  return await work();
}

/** As {@link createBranch}, for one who has the lock. */
export async function createBranchUnderLock(
  repository: Repository,
  name: string,
  revision = 'HEAD',
): Promise<NamedCommit> {
  const commit = await resolveRevision(repository, revision);
  const exists = (await repository.history.listBranches()).some((branch) => branch.name === name);
  if (exists) throw new WsvcError('usage', `There is a branch ${name} already.`);
  await repository.history.updateBranch(name, commit, undefined);
  return { name, commit };
}

/** Makes a branch at a revision (HEAD by default). @throws WsvcError `usage` when it exists; `locked`. */
export function createBranch(repository: Repository, name: string, revision?: string): Promise<NamedCommit> {
  return underLock(repository, 'wsvc branch', () => createBranchUnderLock(repository, name, revision));
}

/** True when another branch or tag still reaches the commit. */
async function isReachableWithout(repository: Repository, branch: string, commit: CommitId): Promise<boolean> {
  const recorded = await readRecordedCheckpoints(repository);
  const others = [
    ...(await repository.history.listBranches()).filter(({ name }) => name !== branch),
    ...(await repository.history.listTags()),
  ];
  const stack = others.map((ref) => ref.commit);
  const seen = new Set<CommitId>();
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (id === commit) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    stack.push(...(recorded.get(id)?.parents ?? []));
  }
  return false;
}

async function deleteBranchUnderLock(repository: Repository, name: string, force: boolean): Promise<NamedCommit> {
  const branch = (await repository.history.listBranches()).find((candidate) => candidate.name === name);
  if (branch === undefined) throw new WsvcError('not-found', `There is no branch ${name}.`);
  const head = await repository.history.readHead();
  if (head.kind === 'branch' && head.branch === name) {
    throw new WsvcError('usage', `${name} is the current branch.`, { suggestions: ['Use "wsvc switch" first.'] });
  }
  if (!force && !(await isReachableWithout(repository, name, branch.commit))) {
    throw new WsvcError('not-saved', `Only ${name} reaches its checkpoints; without it they would be lost.`, {
      suggestions: ['Tag it first ("wsvc tag NAME"), or use --force.'],
    });
  }
  await repository.history.deleteBranch(name);
  return { name, commit: branch.commit };
}

/** Deletes a branch; one whose checkpoints nothing else reaches only when forced. @throws WsvcError `not-saved`, `locked` */
export function deleteBranch(repository: Repository, name: string, force = false): Promise<NamedCommit> {
  return underLock(repository, 'wsvc branch', () => deleteBranchUnderLock(repository, name, force));
}

/** Tags in name order. */
export async function listTags(repository: Repository): Promise<readonly NamedCommit[]> {
  return (await repository.history.listTags()).map(({ name, commit }) => ({ name, commit }));
}

async function createTagUnderLock(repository: Repository, name: string, revision = 'HEAD'): Promise<NamedCommit> {
  if ((await repository.history.listTags()).some((tag) => tag.name === name)) {
    throw new WsvcError('usage', `There is a tag ${name} already.`);
  }
  const commit = await resolveRevision(repository, revision);
  await repository.history.writeTag(name, commit);
  return { name, commit };
}

/** Tags a revision (HEAD by default). @throws WsvcError `usage` when the tag exists; `locked`. */
export function createTag(repository: Repository, name: string, revision?: string): Promise<NamedCommit> {
  return underLock(repository, 'wsvc tag', () => createTagUnderLock(repository, name, revision));
}

async function deleteTagUnderLock(repository: Repository, name: string): Promise<NamedCommit> {
  const tag = (await repository.history.listTags()).find((candidate) => candidate.name === name);
  if (tag === undefined) throw new WsvcError('not-found', `There is no tag ${name}.`);
  const tags = (await repository.history.listTags()).filter((other) => other.name !== name);
  const others = [...(await repository.history.listBranches()), ...tags].map(({ commit }) => commit);
  await checkMovedStaySaved(repository, others);
  await repository.history.deleteTag(name);
  return { name, commit: tag.commit };
}

/** Deletes a tag. @throws WsvcError `not-found`; `not-saved` where it alone reaches a file that was moved in; `locked`. */
export function deleteTag(repository: Repository, name: string): Promise<NamedCommit> {
  return underLock(repository, 'wsvc tag', () => deleteTagUnderLock(repository, name));
}

/** The best common ancestor of two revisions; null when there is none. */
export async function findMergeBase(repository: Repository, a: string, b: string): Promise<string | null> {
  const [first, second] = [await resolveRevision(repository, a), await resolveRevision(repository, b)];
  return (await repository.history.findMergeBase(first, second)) ?? null;
}
