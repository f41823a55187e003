import { resolve } from 'node:path';
import { WsvcError } from '../errors.ts';
import type { CommitId } from '../objects/ids.ts';
import type { Pointer } from '../objects/pointer.ts';
import { readMoved } from './moved-files.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import { resolveRevision } from './revision.ts';
import { toTreePath } from './work-tree.ts';

/** A stored checkpoint that the user named. */
export interface FoundCheckpoint {
  /** Null for a file that is staged, or was moved in, and is not committed yet. */
  readonly commit: CommitId | null;
  readonly path: string;
  readonly pointer: Pointer;
}

async function pointerInTree(repository: Repository, commit: CommitId, path: string): Promise<Pointer | undefined> {
  const blob = await repository.history.findPointer(commit, path);
  return blob === undefined ? undefined : repository.history.readPointer(blob);
}

/** `REV:PATH`: the path in that commit's tree. */
async function findInRevision(repository: Repository, revision: string, path: string): Promise<FoundCheckpoint> {
  const commit = await resolveRevision(repository, revision);
  const pointer = await pointerInTree(repository, commit, path);
  if (pointer === undefined) throw new WsvcError('not-found', `There is no ${path} in ${revision}.`);
  return { commit, path, pointer };
}

/** `REV`: the checkpoint that this commit added. */
async function findAddedBy(repository: Repository, revision: string): Promise<FoundCheckpoint> {
  const commit = await resolveRevision(repository, revision);
  const [added] = await repository.history.changedPaths(commit);
  if (added === undefined) throw new WsvcError('not-found', `${revision} adds no checkpoint.`);
  return { commit, path: added.path, pointer: await repository.history.readPointer(added.pointer) };
}

function newestWith(recorded: Iterable<RecordedCheckpoint>, path: string): readonly RecordedCheckpoint[] {
  const found = [...recorded].filter(({ checkpoint }) => checkpoint?.path === path);
  return found.sort((a, b) => b.author.timestamp - a.author.timestamp);
}

type Recorded = ReadonlyMap<CommitId, RecordedCheckpoint>;

/** `PATH`: as HEAD has it, else as the only branch that holds it does. */
async function findByPath(
  repository: Repository,
  path: string,
  recorded?: Recorded,
): Promise<FoundCheckpoint | undefined> {
  const waiting = (await readMoved(repository)).find((moved) => moved.isWaiting && moved.path === path);
  if (waiting !== undefined) return { commit: null, path, pointer: waiting.pointer };
  const head = await repository.history.readHead();
  if (head.commit !== undefined) {
    const pointer = await pointerInTree(repository, head.commit, path);
    if (pointer !== undefined) return { commit: head.commit, path, pointer };
  }
  const holders = newestWith((recorded ?? (await readRecordedCheckpoints(repository))).values(), path);
  const contents = new Set(holders.map(({ checkpoint }) => checkpoint?.pointer.manifest));
  const branches = new Set(holders.map(({ trailers }) => trailers?.trajectory));
  if (contents.size > 1 && branches.size > 1) {
    throw new WsvcError('usage', `Several branches hold ${path}: ${[...branches].join(', ')}.`, {
      suggestions: [`Say which: "${[...branches][0]}:${path}".`],
    });
  }
  const [newest] = holders;
  if (newest?.checkpoint === undefined) return undefined;
  return { commit: newest.commit, path, pointer: newest.checkpoint.pointer };
}

/** `REV:PATH`, a path of the tree, or a revision. */
async function findCheckpoint(repository: Repository, named: string): Promise<FoundCheckpoint> {
  const colon = named.indexOf(':');
  if (colon <= 0) return findAddedBy(repository, named);
  const path = named.slice(colon + 1);
  return findInRevision(
    repository,
    named.slice(0, colon),
    /^\.\.?\//.test(path) ? pathFromHere(repository, path) : path,
  );
}

/** What the user typed, relative to where the user stands, as trees have it. */
function pathFromHere(repository: Repository, named: string): string {
  return toTreePath(repository, resolve(repository.environment.workingDirectory, named));
}

/**
 * Finds the stored checkpoint that the user means: a path (relative to where the user stands), `REV:PATH`, or a revision.
 *
 * @throws WsvcError `not-found`, or `usage` when it is ambiguous.
 */
export async function findNamed(repository: Repository, named: string): Promise<FoundCheckpoint> {
  return (await findByPath(repository, pathFromHere(repository, named))) ?? findCheckpoint(repository, named);
}

/** Paths of checkpoints below a folder of the work tree, in HEAD's tree or committed anywhere. */
async function pathsBelow(repository: Repository, folder: string, recorded: Recorded): Promise<readonly string[]> {
  const { commit } = await repository.history.readHead();
  const inHead = commit === undefined ? [] : [...(await repository.history.listPointers(commit)).keys()];
  const committed = [...recorded.values()].flatMap(({ checkpoint }) => checkpoint?.path ?? []);
  const waiting = (await readMoved(repository)).filter(({ isWaiting }) => isWaiting).map(({ path }) => path);
  const staged = (await repository.history.listStaged()).map(({ path }) => path);
  const prefix = folder === '' ? '' : `${folder}/`;
  return [...new Set([...inHead, ...committed, ...waiting, ...staged])]
    .filter((path) => path.startsWith(prefix))
    .sort();
}

/**
 * Finds what is to be restored: as {@link findNamed}, but a path that is staged as it was staged; of a folder, all that lies below it.
 *
 * @throws as {@link findNamed}
 */
export async function findRestorable(repository: Repository, named: string): Promise<readonly FoundCheckpoint[]> {
  const staged = new Map((await repository.history.listStaged()).map(({ path, pointer }) => [path, pointer]));
  const findStaged = (path: string): FoundCheckpoint | undefined => {
    const pointer = staged.get(path);
    return pointer === undefined ? undefined : { commit: null, path, pointer };
  };
  const recorded = await readRecordedCheckpoints(repository);
  const found: FoundCheckpoint[] = [];
  const path = pathFromHere(repository, named);
  for (const below of await pathsBelow(repository, path, recorded)) {
    const one = findStaged(below) ?? (await findByPath(repository, below, recorded));
    if (one !== undefined) found.push(one);
  }
  if (found.length > 0 && named !== '') return found;
  return [findStaged(path) ?? (await findNamed(repository, named))];
}
