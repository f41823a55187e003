import { stat } from 'node:fs/promises';
import path from 'node:path';
import { createThreadedCoder } from '../codec/index.ts';
import { WsvcError } from '../errors.ts';
import { readDiskTime } from '../store/atomic-file.ts';
import { nodeDisk } from '../store/disk.ts';
import { openHistory } from '../store/git-history.ts';
import type { History, Signature } from '../store/history.ts';
import { checkFormatVersion, createRepositoryLayout } from '../store/layout.ts';
import { acquireLock } from '../store/lock.ts';
import { openBlobStore, type PackedBlobStore } from '../store/pack-blob-store.ts';
import { type CheckpointReader, createCheckpointReader } from './checkpoint-reader.ts';
import { type DerivedLog, openDerivedLog } from './derived-log.ts';
import type { Environment } from './environment.ts';
import { openPrunedRecords, type PrunedRecords } from './pruned-records.ts';
import { SummaryShelf } from './stored-summaries.ts';

/** The folder that makes a folder a repository. */
export const REPOSITORY_FOLDER = '.wsvc';

/** A repository as operations see it: a record of interfaces. */
export interface Repository {
  /** The `.wsvc` folder. */
  readonly directory: string;
  /** The folder that holds the model files: the parent of `directory`. */
  readonly workTree: string;
  /** Where derived data is kept; may be deleted at any time. */
  readonly derivedDirectory: string;
  readonly blobs: PackedBlobStore;
  readonly history: History;
  readonly checkpoints: CheckpointReader;
  /** The summaries of all checkpoints, as a pile. */
  readonly summaries: SummaryShelf;
  /** What commits recorded, by their ids, and the hashes of manifests' files, by theirs. */
  readonly commits: DerivedLog;
  /** What checkpoints that wait were found to come from. */
  readonly findings: DerivedLog;
  /** What was pruned: its content is gone, or goes with the next `gc`. */
  readonly pruned: PrunedRecords;
  readonly environment: Environment;
}

async function isFolder(folder: string): Promise<boolean> {
  return stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Finds the `.wsvc` folder of `start` or of the nearest folder above it. */
export async function findRepositoryDirectory(start: string): Promise<string | undefined> {
  for (let folder = path.resolve(start); ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, REPOSITORY_FOLDER);
    if (await isFolder(candidate)) return candidate;
    if (path.dirname(folder) === folder) return undefined;
  }
}

/** True for a repository whose `format` is lost or damaged, but that holds something; one whose making was cut short holds nothing. */
async function isDamagedRepository(directory: string, error: unknown): Promise<boolean> {
  if (!(error instanceof WsvcError) || (error.code !== 'corrupt' && error.code !== 'no-repository')) return false;
  return error.code === 'corrupt' || (await nodeDisk.list(path.join(directory, 'blobs', 'packs'))).length > 0;
}

/**
 * Opens the repository that holds the working directory.
 *
 * @param options - `mayBeDamaged`: open it too where its format cannot be read, to check or repair it. `derivedDirectory`: keep
 *   derived data there.
 * @throws WsvcError `no-repository`, `format-version` or `corrupt`.
 */
export async function openRepository(
  environment: Environment,
  options: { readonly mayBeDamaged?: boolean; readonly derivedDirectory?: string } = {},
): Promise<Repository> {
  const directory = await findRepositoryDirectory(environment.workingDirectory);
  if (directory === undefined) {
    throw new WsvcError(
      'no-repository',
      `No wsvc repository in ${environment.workingDirectory} or any folder above it.`,
      {
        suggestions: ['Run "wsvc init" to make one here.'],
      },
    );
  }
  try {
    await checkFormatVersion(directory);
  } catch (error) {
    if (!options.mayBeDamaged || !(await isDamagedRepository(directory, error))) throw error;
  }
  const derivedDirectory = options.derivedDirectory ?? path.join(directory, 'derived');
  const blobs = await openBlobStore(directory, { coder: createThreadedCoder(environment.threads ?? 0) });
  const summaries = openDerivedLog(path.join(derivedDirectory, 'summaries.log'));
  const history = await openHistory(directory);
  const pruned = openPrunedRecords(history);
  const checkpoints = createCheckpointReader(blobs, summaries, pruned);
  return {
    directory,
    workTree: path.dirname(directory),
    derivedDirectory,
    blobs,
    history,
    pruned,
    checkpoints,
    summaries: new SummaryShelf(derivedDirectory, checkpoints),
    commits: openDerivedLog(path.join(derivedDirectory, 'commits.log')),
    findings: openDerivedLog(path.join(derivedDirectory, 'findings.log')),
    environment,
  };
}

/** Makes a repository in `folder`; one that is there already is completed, never changed. */
export async function initRepository(
  folder: string,
): Promise<{ readonly repository: string; readonly created: boolean }> {
  const directory = path.join(path.resolve(folder), REPOSITORY_FOLDER);
  const created = !(await isFolder(directory));
  await createRepositoryLayout(directory);
  return { repository: directory, created };
}

/** Runs `work` as the only writer of the repository. @throws WsvcError `locked` */
export async function* withLock<Event, Result>(
  repository: Repository,
  purpose: string,
  work: () => AsyncGenerator<Event, Result, void>,
): AsyncGenerator<Event, Result, void> {
  await using _lock = await acquireLock(repository.directory, { purpose });
  // Whoever had the lock until now may have changed what was read before.
  repository.pruned.forget();
  await repository.blobs.packs.refresh();
  return yield* work();
}

/**
 * Runs `work` as the only writer, or, where it only says what it would do, as a reader: without the lock, so that a repository that may not
 * be written to answers, and beside a writer. @throws WsvcError `locked`
 */
export async function* withLockToChange<Event, Result>(
  repository: Repository,
  { purpose, dryRun = false }: { readonly purpose: string; readonly dryRun?: boolean | undefined },
  work: () => AsyncGenerator<Event, Result, void>,
): AsyncGenerator<Event, Result, void> {
  return yield* dryRun ? work() : withLock(repository, purpose, work);
}

/** The time that ages of files are told by: that of their file system; for a reader, who must not write a file to see it, that of the machine. */
export async function readFileTime({ directory, environment }: Repository, isReader: boolean): Promise<number> {
  return isReader ? environment.now() : readDiskTime(directory);
}

/** The signature of the user at this moment. */
export function signatureNow(environment: Environment): Signature {
  return {
    ...environment.author,
    timestamp: Math.floor(environment.now() / 1000),
    timezoneOffset: environment.timezoneOffset,
  };
}
