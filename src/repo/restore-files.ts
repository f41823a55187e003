import path from 'node:path';
import { createSha256 } from '../bytes/sha256.ts';
import { CorruptError, WsvcError } from '../errors.ts';
import type { Manifest, ManifestFile } from '../objects/manifest.ts';
import { resolveOutput } from './explain-name.ts';
import { type FoundCheckpoint, findRestorable } from './find-checkpoint.ts';
import { forgetMoved } from './moved-files.ts';
import type { Operation } from './operation.ts';
import { createOverwriteGuard, type OverwriteGuard } from './overwrite-check.ts';
import { expectContent } from './pruned-content.ts';
import { type PutPiece, replaceFile, syncFolders } from './replace-file.ts';
import type { Repository } from './repository.ts';
import type { RestoredFile, RestoreResult } from './results.ts';
import { rememberSaved } from './stat-cache.ts';
import { storedSource } from './stored-files.ts';
import { checkNotBeyondLink, toTreePath } from './work-tree.ts';

export interface RestoreOptions {
  /** Where to write a single checkpoint, relative to the working directory; its own path by default. */
  readonly output?: string;
  /** Overwrite files that are not saved. */
  readonly force?: boolean;
}

/** Writes one stored file: complete and checked under another name first, then renamed. */
async function writeStoredFile(
  repository: Repository,
  file: ManifestFile,
  target: string,
  guard: OverwriteGuard,
): Promise<RestoredFile> {
  const write = async (put: PutPiece): Promise<void> => {
    const hash = createSha256();
    for await (const piece of storedSource(file, repository.blobs).stream()) {
      hash.update(piece);
      await put(piece);
    }
    if (hash.hex() !== file.sha256) throw new CorruptError('a file does not restore to the bytes that were added');
  };
  const stamp = await replaceFile(target, write, () => guard.confirm(target));
  if (stamp !== undefined) await rememberSaved(repository, [{ file: target, sha256: file.sha256, stamp }]);
  return { path: toTreePath(repository, target), bytes: file.byteLength, sha256: file.sha256 };
}

/** The files of a checkpoint, and where each stands when the first is `primary`. */
export function filesBeside(
  primary: string,
  manifest: Pick<Manifest, 'files'>,
): readonly { readonly file: ManifestFile; readonly target: string }[] {
  return manifest.files.map((file) => ({
    file,
    target: file.name === '' ? primary : path.join(path.dirname(primary), file.name),
  }));
}

/** Writes all files of a checkpoint beside `primary`. Whether they may be overwritten was asked before. */
export async function restoreManifest(
  repository: Repository,
  manifest: Pick<Manifest, 'files'>,
  primary: string,
  guard: OverwriteGuard,
): Promise<readonly RestoredFile[]> {
  const restored: RestoredFile[] = [];
  for (const { file, target } of filesBeside(primary, manifest)) {
    restored.push(await writeStoredFile(repository, file, target, guard));
  }
  return restored;
}

async function primaryTarget(repository: Repository, found: FoundCheckpoint, output?: string): Promise<string> {
  if (output === undefined) return path.join(repository.workTree, found.path);
  return resolveOutput(repository.environment.workingDirectory, output, found.path);
}

interface Planned {
  readonly manifest: Manifest;
  readonly primary: string;
}

/** A checkpoint that cannot be restored, and why. */
type Failed = NonNullable<RestoreResult['failed']>[number];

/** Runs the work on one of several checkpoints; damage of this one is told, and the others go on. */
async function attempt<T>(failed: Failed[], path: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WsvcError) || error.code !== 'corrupt') throw error;
    failed.push({ path, problem: error.message });
    return undefined;
  }
}

/** Of a folder, what was pruned is passed over; a pruned checkpoint that is named is refused, and a folder with nothing else. */
async function findAllRestorable(repository: Repository, named: readonly string[]) {
  const found: FoundCheckpoint[] = [];
  const pruned: string[] = [];
  for (const name of named) {
    const all = await findRestorable(repository, name);
    const stored: FoundCheckpoint[] = [];
    for (const one of all) {
      if ((await repository.pruned.find(one.pointer.manifest)) === undefined) stored.push(one);
      else if (all.length > 1) pruned.push(one.path);
    }
    const [first] = all;
    if (stored.length === 0 && first !== undefined) await expectContent(repository, first);
    found.push(...stored);
  }
  return { found, pruned };
}

interface RestorePlan {
  readonly planned: readonly Planned[];
  readonly pruned: readonly string[];
  /** Those whose manifest cannot be read; more come when the others are written. */
  readonly failed: Failed[];
  readonly guard: OverwriteGuard;
}

/** Finds everything that was named, and refuses before anything is written. */
async function planRestore(
  repository: Repository,
  named: readonly string[],
  options: RestoreOptions,
): Promise<RestorePlan> {
  const { found, pruned } = await findAllRestorable(repository, named);
  if (options.output !== undefined && found.length > 1) {
    throw new WsvcError('usage', 'An output file can be given for one checkpoint only.');
  }
  const guard = await createOverwriteGuard(repository, { force: options.force ?? false });
  const planned: Planned[] = [];
  const failed: Failed[] = [];
  for (const one of found) {
    const manifest = await attempt(failed, one.path, () => repository.checkpoints.manifest(one.pointer.manifest));
    if (manifest === undefined) continue;
    const primary = await primaryTarget(repository, one, options.output);
    for (const { file, target } of filesBeside(primary, manifest)) {
      if (options.output === undefined) await checkNotBeyondLink(repository, target);
      await guard.check(target, file.sha256);
    }
    planned.push({ manifest, primary });
  }
  return { planned, pruned, failed, guard };
}

/** The one checkpoint that was named cannot be restored: the command fails as a whole. */
function throwOnlyFailure({ planned, failed }: RestorePlan): void {
  const [only] = failed;
  if (only === undefined || planned.length + failed.length > 1) return;
  throw new WsvcError('corrupt', `${only.path} cannot be restored. ${only.problem}`, {
    suggestions: ['Run "wsvc fsck --repair", with "--from DIR" where a backup is: nothing was replaced.'],
  });
}

/**
 * Restores checkpoints byte for byte: paths (of a folder: all below it) as they are staged, else as they were last committed, or
 * `REV:PATH`, or the checkpoint of a revision. Of several, those that are damaged are told, and the others restored.
 *
 * @throws WsvcError `not-found`, `usage`, `not-saved`; CorruptError when all that was named is damaged: then nothing was replaced.
 */
export async function* restoreFiles(
  repository: Repository,
  named: readonly string[],
  options: RestoreOptions = {},
): Operation<RestoreResult> {
  const plan = await planRestore(repository, named, options);
  throwOnlyFailure(plan);
  const { planned, pruned, failed, guard } = plan;
  const restored: RestoredFile[] = [];
  const done: Planned[] = [];
  for (const [count, one] of planned.entries()) {
    const name = toTreePath(repository, one.primary);
    yield { phase: 'Restoring', done: count, total: planned.length, detail: name };
    const write = () => restoreManifest(repository, one.manifest, one.primary, guard);
    const files = planned.length + failed.length === 1 ? await write() : await attempt(failed, name, write);
    if (files === undefined) continue;
    restored.push(...files);
    done.push(one);
  }
  await syncFolders(done.map(({ primary }) => path.dirname(primary)));
  // An entry may keep the only other copy: it goes when the files are durable.
  await forgetMoved(repository, new Set(done.map(({ primary }) => toTreePath(repository, primary))));
  const [first] = restored;
  if (first !== undefined) return { ...first, restored, pruned, ...(failed.length > 0 ? { failed } : {}) };
  const [bad] = failed;
  if (bad === undefined) throw new WsvcError('usage', 'Name a path or a revision to restore.');
  throw new CorruptError(`none of ${failed.length} checkpoints can be restored; ${bad.path}: ${bad.problem}`);
}
