import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { WsvcError } from '../errors.ts';
import type { FileHash } from '../objects/ids.ts';
import { checkFormatVersion } from '../store/layout.ts';
import { openBlobStore, type PackedBlobStore } from '../store/pack-blob-store.ts';
import { REPOSITORY_FOLDER, type Repository } from './repository.ts';
import { createFileHasher, hashFile } from './stat-cache.ts';
import { SKIPPED_FOLDERS, toTreePath, walkModelFiles } from './work-tree.ts';

/** Another repository that may hold what this one has lost. */
export interface DonorStore {
  readonly name: string;
  /** Its `.wsvc`. */
  readonly directory: string;
  readonly blobs: PackedBlobStore;
}

/** Where lost content is looked for. */
export interface Donors {
  readonly stores: readonly DonorStore[];
  /** Files by the hash of their content. */
  readonly files: ReadonlyMap<FileHash, string>;
  /** What a file is called in the report. */
  nameOf(file: string): string;
}

const isFolder = (folder: string): Promise<boolean> =>
  stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );

async function openStore(repository: Repository, directory: string, name: string): Promise<DonorStore> {
  if ((await realpath(directory)) === (await realpath(repository.directory))) {
    throw new WsvcError('usage', `"${name}" is the repository that is to be repaired.`);
  }
  await checkFormatVersion(directory);
  return { name, directory, blobs: await openBlobStore(directory) };
}

/** The repository that a folder has or is, if it is one. */
async function findStore(repository: Repository, folder: string, named: string): Promise<DonorStore | undefined> {
  for (const below of [REPOSITORY_FOLDER, '']) {
    const directory = path.join(folder, below);
    if (!(await isFolder(path.join(directory, 'blobs', 'packs')))) continue;
    return openStore(repository, directory, path.join(named, below));
  }
  return undefined;
}

/** Every file below a folder, whatever it is called: a copy may have been renamed. */
async function* walkFiles(folder: string): AsyncIterable<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) yield* walkFiles(full);
    else if (entry.isFile()) yield full;
  }
}

/** The other repositories that the user named. @throws WsvcError `not-found`, `usage`, `format-version` */
export async function openDonorStores(
  repository: Repository,
  named: readonly string[],
): Promise<readonly DonorStore[]> {
  const stores: DonorStore[] = [];
  for (const name of named) {
    const folder = path.resolve(repository.environment.workingDirectory, name);
    if (!(await isFolder(folder))) throw new WsvcError('not-found', `There is no folder ${name}.`);
    const store = await findStore(repository, folder, name);
    if (store !== undefined) stores.push(store);
  }
  return stores;
}

/** Hashes the files of the work tree, and all files of the folders that the user named. */
export async function hashDonorFiles(
  repository: Repository,
  named: readonly string[],
): Promise<Pick<Donors, 'files' | 'nameOf'>> {
  const files = new Map<FileHash, string>();
  const names = new Map<string, string>();
  const hash = await createFileHasher(repository);
  for await (const file of walkModelFiles(repository.workTree)) files.set(await hash(file), file);
  for (const name of named) {
    const folder = path.resolve(repository.environment.workingDirectory, name);
    if (path.basename(folder) === REPOSITORY_FOLDER) continue;
    for await (const file of walkFiles(folder)) {
      const sha256 = await hashFile(file);
      if (files.has(sha256)) continue;
      files.set(sha256, file);
      names.set(file, path.join(name, path.relative(folder, file)));
    }
  }
  return { files, nameOf: (file) => names.get(file) ?? toTreePath(repository, file) };
}
