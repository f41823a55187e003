import { rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CommitId, FileHash, GitObjectId } from '../objects/ids.ts';
import type { Manifest } from '../objects/manifest.ts';
import type { Operation } from './operation.ts';
import { createOverwriteGuard, type OverwriteGuard } from './overwrite-check.ts';
import type { Repository } from './repository.ts';
import { filesBeside, restoreManifest } from './restore-files.ts';
import { createFileHasher } from './stat-cache.ts';
import { checkNotBeyondLink } from './work-tree.ts';

/** Pointers by path. */
export type Tree = ReadonlyMap<string, GitObjectId>;

export interface WorkTreeChanges {
  readonly restored: readonly string[];
  readonly removed: readonly string[];
  /** Paths that were left as they are, because the content they should have was pruned. */
  readonly pruned: readonly string[];
}

/** What the work tree is to become. */
export interface WorkTreeTarget {
  readonly from: Tree;
  readonly to: Tree;
  /** Also bring back files that both trees hold alike, where those on disk differ or are missing. */
  readonly everything?: boolean;
  /** Give up files that are saved nowhere. */
  readonly force?: boolean;
  /** What branches and tags (and HEAD) will hold afterwards: what is reachable from there is saved. */
  readonly tips: readonly CommitId[];
}

interface Planned {
  readonly file: string;
  /** Of a pruned checkpoint only the names and hashes of its files. */
  readonly manifest: Pick<Manifest, 'files'>;
  readonly isPruned: boolean;
}

interface Plan {
  readonly restore: readonly Planned[];
  readonly pruned: readonly Planned[];
  readonly remove: readonly Planned[];
}

/** The pointers in a commit's tree; none before the first commit. */
export async function treeOf(repository: Repository, commit: CommitId | undefined): Promise<Tree> {
  return commit === undefined ? new Map() : repository.history.listPointers(commit);
}

async function plannedAt(repository: Repository, file: string, pointer: GitObjectId): Promise<Planned> {
  const { manifest } = await repository.history.readPointer(pointer);
  const pruned = await repository.pruned.find(manifest);
  if (pruned === undefined) {
    return { file, manifest: await repository.checkpoints.manifest(manifest), isPruned: false };
  }
  return { file, manifest: { files: pruned.files.map((one) => ({ ...one, segments: [] })) }, isPruned: true };
}

function targetsOf(repository: Repository, { file, manifest }: Planned) {
  return filesBeside(path.join(repository.workTree, file), manifest);
}

async function holdsAlready(
  hash: (file: string) => Promise<FileHash>,
  targets: ReturnType<typeof targetsOf>,
): Promise<boolean> {
  for (const { target, file } of targets) {
    const isFile = await stat(target).then(
      (found) => found.isFile(),
      () => false,
    );
    if (!isFile || (await hash(target)) !== file.sha256) return false;
  }
  return true;
}

async function planChanges(repository: Repository, { from, to, everything }: WorkTreeTarget): Promise<Plan> {
  const hash = await createFileHasher(repository);
  const [restore, pruned]: [Planned[], Planned[]] = [[], []];
  for (const [file, pointer] of to) {
    if (from.get(file) === pointer && !everything) continue;
    const planned = await plannedAt(repository, file, pointer);
    if (!(await holdsAlready(hash, targetsOf(repository, planned))))
      (planned.isPruned ? pruned : restore).push(planned);
  }
  const remove: Planned[] = [];
  for (const [file, pointer] of from) if (!to.has(file)) remove.push(await plannedAt(repository, file, pointer));
  return { restore, pruned, remove };
}

/** Refuses the whole change before any of it is done. */
async function checkPlan(repository: Repository, plan: Plan, target: WorkTreeTarget): Promise<OverwriteGuard> {
  const { tips, force = false } = target;
  const guard = await createOverwriteGuard(repository, { tips, force });
  for (const planned of [...plan.restore, ...plan.remove])
    for (const { target: file } of targetsOf(repository, planned)) await checkNotBeyondLink(repository, file);
  for (const planned of plan.restore) {
    for (const { target: file, file: stored } of targetsOf(repository, planned)) await guard.check(file, stored.sha256);
  }
  for (const planned of plan.remove) {
    for (const { target: file } of targetsOf(repository, planned)) await guard.check(file, undefined);
  }
  return guard;
}

/** Removes folders that became empty, as git does. */
async function removeEmptyFolders(repository: Repository, folder: string): Promise<void> {
  for (let at = folder; at.startsWith(`${repository.workTree}${path.sep}`); at = path.dirname(at)) {
    if (
      !(await rmdir(at).then(
        () => true,
        () => false,
      ))
    )
      return;
  }
}

/** Makes the work tree hold what a commit holds: what differs comes, then what is not in it goes. Checked first as a whole. */
export async function* changeWorkTree(repository: Repository, target: WorkTreeTarget): Operation<WorkTreeChanges> {
  const plan = await planChanges(repository, target);
  const guard = await checkPlan(repository, plan, target);
  const total = plan.restore.length + plan.remove.length;
  for (const [done, { file, manifest }] of plan.restore.entries()) {
    yield { phase: 'Restoring', done, total, detail: file };
    await restoreManifest(repository, manifest, path.join(repository.workTree, file), guard);
  }
  for (const [done, planned] of plan.remove.entries()) {
    yield { phase: 'Removing', done: plan.restore.length + done, total, detail: planned.file };
    for (const { target: file } of targetsOf(repository, planned)) {
      await guard.confirm(file);
      await rm(file, { force: true });
      await removeEmptyFolders(repository, path.dirname(file));
    }
  }
  const namesOf = (all: readonly Planned[]) => all.map(({ file }) => file);
  return { restored: namesOf(plan.restore), removed: namesOf(plan.remove), pruned: namesOf(plan.pruned) };
}
