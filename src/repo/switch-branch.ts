import { rm } from 'node:fs/promises';
import path from 'node:path';
import { WsvcError } from '../errors.ts';
import type { CommitId, GitObjectId, ManifestId } from '../objects/ids.ts';
import { createBranch } from './refs.ts';
import { type Repository, withLock } from './repository.ts';
import { type CheckOverwrite, createOverwriteCheck, restoreManifest } from './restore-files.ts';
import type { Operation } from './results.ts';
import { resolveRevision } from './revision.ts';

export interface SwitchResult {
  readonly branch: string | null;
  readonly commit: string | null;
  readonly restored: readonly string[];
  readonly removed: readonly string[];
}

export interface SwitchOptions {
  /** Make the branch first, at HEAD. */
  readonly create?: boolean;
  /** Stand on a commit instead of a branch. */
  readonly detach?: boolean;
  /** Overwrite files that are not saved. */
  readonly force?: boolean;
}

type Tree = ReadonlyMap<string, GitObjectId>;

async function treeOf(repository: Repository, commit: CommitId | undefined): Promise<Tree> {
  return commit === undefined ? new Map() : repository.history.listPointers(commit);
}

async function manifestAt(repository: Repository, pointer: GitObjectId): Promise<ManifestId> {
  return (await repository.history.readPointer(pointer)).manifest;
}

/** Removes the files of a checkpoint, after making sure that each is saved. */
async function removeCheckpoint(
  repository: Repository,
  file: string,
  pointer: GitObjectId,
  check: CheckOverwrite,
): Promise<void> {
  const primary = path.join(repository.workTree, file);
  const manifest = await repository.checkpoints.manifest(await manifestAt(repository, pointer));
  const targets = manifest.files.map(({ name, sha256 }) => ({
    sha256,
    target: name === '' ? primary : path.join(path.dirname(primary), name),
  }));
  for (const { target, sha256 } of targets) await check(target, sha256);
  for (const { target } of targets) await rm(target, { force: true });
}

/** Makes the work tree hold what a commit holds: files of `from` that are not in `to` go, those that differ come. */
export async function* changeWorkTree(
  repository: Repository,
  from: Tree,
  to: Tree,
  force: boolean,
): Operation<{ readonly restored: readonly string[]; readonly removed: readonly string[] }> {
  const check = await createOverwriteCheck(repository, force);
  const removed = [...from.keys()].filter((file) => !to.has(file));
  const restored = [...to].filter(([file, pointer]) => from.get(file) !== pointer).map(([file]) => file);
  const total = removed.length + restored.length;
  for (const [done, file] of restored.entries()) {
    yield { phase: 'Restoring', done, total, detail: file };
    const pointer = to.get(file);
    if (pointer === undefined) continue;
    const manifest = await repository.checkpoints.manifest(await manifestAt(repository, pointer));
    await restoreManifest(repository, manifest, path.join(repository.workTree, file), check);
  }
  for (const [done, file] of removed.entries()) {
    yield { phase: 'Removing', done: restored.length + done, total, detail: file };
    const pointer = from.get(file);
    if (pointer !== undefined) await removeCheckpoint(repository, file, pointer, check);
  }
  return { restored, removed };
}

async function* switchUnderLock(repository: Repository, name: string, options: SwitchOptions): Operation<SwitchResult> {
  if (options.create) await createBranch(repository, name);
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
  const changes = yield* changeWorkTree(repository, from, to, options.force ?? false);
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
