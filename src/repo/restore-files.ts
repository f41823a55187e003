import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { createSha256 } from '../bytes/sha256.ts';
import { CorruptError, WsvcError } from '../errors.ts';
import type { FileHash } from '../objects/ids.ts';
import type { Manifest, ManifestFile } from '../objects/manifest.ts';
import { type FoundCheckpoint, findNamed } from './find-checkpoint.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import type { Operation, RestoredFile, RestoreResult } from './results.ts';
import { readSavedHashes } from './saved-contents.ts';
import { createFileHasher, rememberSaved } from './stat-cache.ts';
import { storedSource } from './stored-files.ts';
import { toTreePath } from './work-tree.ts';

export interface RestoreOptions {
  /** Where to write a single checkpoint, relative to the working directory; its own path by default. */
  readonly output?: string;
  /** Overwrite files that are not saved. */
  readonly force?: boolean;
}

/** Refuses to overwrite bytes that exist nowhere else. */
export type CheckOverwrite = (file: string, replacement: FileHash | undefined) => Promise<void>;

/** Makes the check: a file may be replaced when it is absent, equal, or saved. */
export async function createOverwriteCheck(repository: Repository, force = false): Promise<CheckOverwrite> {
  const saved = await readSavedHashes(repository, (await readRecordedCheckpoints(repository)).values());
  const hash = await createFileHasher(repository);
  return async (file, replacement) => {
    if (
      force ||
      !(await stat(file).then(
        () => true,
        () => false,
      ))
    )
      return;
    const current = await hash(file);
    if (current === replacement || saved.has(current)) return;
    throw new WsvcError('not-saved', `${toTreePath(repository, file)} holds changes that are saved nowhere.`, {
      suggestions: ['Use "wsvc add" and "wsvc commit" to save it first, or --force to overwrite it.'],
    });
  };
}

async function writeStored(repository: Repository, file: ManifestFile, temporary: string): Promise<void> {
  const handle = await open(temporary, 'w');
  try {
    const hash = createSha256();
    for await (const piece of storedSource(file, repository.blobs).stream()) {
      hash.update(piece);
      await handle.write(piece);
    }
    if (hash.hex() !== file.sha256) throw new CorruptError('a file does not restore to the bytes that were added');
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes one stored file: complete and checked under another name first, then renamed. */
export async function writeStoredFile(
  repository: Repository,
  file: ManifestFile,
  target: string,
): Promise<RestoredFile> {
  await mkdir(path.dirname(target), { recursive: true });
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.wsvc-${process.pid}`);
  try {
    await writeStored(repository, file, temporary);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
  await rememberSaved(repository, [{ file: target, sha256: file.sha256, stats: await stat(target) }]);
  return { path: toTreePath(repository, target), bytes: file.byteLength, sha256: file.sha256 };
}

function targetOf(primary: string, file: ManifestFile): string {
  return file.name === '' ? primary : path.join(path.dirname(primary), file.name);
}

/** Writes all files of a checkpoint beside `primary`. */
export async function restoreManifest(
  repository: Repository,
  manifest: Manifest,
  primary: string,
  mayOverwrite: CheckOverwrite,
): Promise<readonly RestoredFile[]> {
  for (const file of manifest.files) await mayOverwrite(targetOf(primary, file), file.sha256);
  const restored: RestoredFile[] = [];
  for (const file of manifest.files) restored.push(await writeStoredFile(repository, file, targetOf(primary, file)));
  return restored;
}

function primaryTarget(repository: Repository, found: FoundCheckpoint, output: string | undefined): string {
  if (output === undefined) return path.join(repository.workTree, found.path);
  return path.resolve(repository.environment.workingDirectory, output);
}

/**
 * Restores checkpoints byte for byte: paths as they were last committed, or `REV:PATH`, or the checkpoint of a revision.
 *
 * @throws WsvcError `not-found`, `usage`, `not-saved`; CorruptError when stored bytes are damaged: then nothing was replaced.
 */
export async function* restoreFiles(
  repository: Repository,
  named: readonly string[],
  options: RestoreOptions = {},
): Operation<RestoreResult> {
  if (options.output !== undefined && named.length > 1) {
    throw new WsvcError('usage', 'An output file can be given for one checkpoint only.');
  }
  const mayOverwrite = await createOverwriteCheck(repository, options.force);
  const restored: RestoredFile[] = [];
  for (const [done, name] of named.entries()) {
    yield { phase: 'Restoring', done, total: named.length, detail: name };
    const found = await findNamed(repository, name);
    const manifest = await repository.checkpoints.manifest(found.pointer.manifest);
    restored.push(
      ...(await restoreManifest(repository, manifest, primaryTarget(repository, found, options.output), mayOverwrite)),
    );
  }
  const [first] = restored;
  if (first === undefined) throw new WsvcError('usage', 'Name a path or a revision to restore.');
  return { ...first, restored };
}
