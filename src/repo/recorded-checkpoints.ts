import { createHash } from 'node:crypto';
import { CorruptError, WsvcError } from '../errors.ts';
import type { CommitId } from '../objects/ids.ts';
import { parseCommitMessage } from '../objects/trailers.ts';
import { commitKey, decodeCommitRecord, encodeCommitRecord } from './commit-record.ts';
import { readNeeded } from './needed.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import type { Repository } from './repository.ts';

async function readFromHistory(repository: Repository, id: CommitId): Promise<RecordedCheckpoint> {
  const commit = await repository.history.readCommit(id);
  const { message, trailers } = parseCommitMessage(commit.message);
  const [changed] = await repository.history.changedPaths(id);
  const recorded = { commit: id, parents: commit.parents, message, author: commit.author };
  return {
    ...recorded,
    ...(trailers === undefined ? {} : { trailers }),
    ...(changed === undefined
      ? {}
      : { checkpoint: { path: changed.path, pointer: await repository.history.readPointer(changed.pointer) } }),
  };
}

/** What of a damaged commit can be told: where its history goes on. */
async function readWhatIsLeft(repository: Repository, id: CommitId): Promise<RecordedCheckpoint | undefined> {
  try {
    const { parents, message, author } = await repository.history.readCommit(id);
    return { commit: id, parents, message, author };
  } catch (error) {
    if (error instanceof WsvcError) return undefined;
    throw error;
  }
}

/** Remembers what commits recorded, so that git need not be asked again. */
async function rememberCommits(repository: Repository, learned: readonly RecordedCheckpoint[]): Promise<void> {
  await repository.commits.append(
    learned.map((recorded) => ({ key: commitKey(recorded.commit), payload: encodeCommitRecord(recorded) })),
  );
}

/** Where branches and tags stand: what is reachable from there is saved. */
export async function readTips(repository: Repository): Promise<readonly CommitId[]> {
  const refs = [...(await repository.history.listBranches()), ...(await repository.history.listTags())];
  return refs.map(({ commit }) => commit);
}

async function readAllTips(repository: Repository): Promise<readonly CommitId[]> {
  const { commit } = await repository.history.readHead();
  return [...(await readTips(repository)), ...(commit === undefined ? [] : [commit])];
}

/**
 * Reads what every commit reachable from a branch, a tag or HEAD recorded, ancestors first.
 *
 * What a commit recorded never changes: it is remembered in a derived log, and git is asked for new commits only.
 *
 * @param tips - where to start instead.
 * @param options - `isFresh`: ask git for every one, to see whether it is whole. `onDamage`: hears of commits that cannot be read, which
 *   are then passed over.
 * @returns by commit, in an order that depends on the history alone.
 */
export async function readRecordedCheckpoints(
  repository: Repository,
  tips?: readonly CommitId[],
  options: { readonly isFresh?: boolean; readonly onDamage?: (commit: CommitId, error: WsvcError) => void } = {},
): Promise<ReadonlyMap<CommitId, RecordedCheckpoint>> {
  const known = new Map<CommitId, RecordedCheckpoint>();
  const learned: RecordedCheckpoint[] = [];
  const remembered = (id: CommitId): RecordedCheckpoint | undefined => {
    const bytes = options.isFresh ? undefined : repository.commits.get(commitKey(id));
    return bytes === undefined ? undefined : decodeCommitRecord(bytes);
  };
  const learn = async (id: CommitId): Promise<RecordedCheckpoint | undefined> => {
    try {
      const recorded = await readNeeded(`what commit ${id} needs`, () => readFromHistory(repository, id));
      learned.push(recorded);
      return recorded;
    } catch (error) {
      if (options.onDamage === undefined || !(error instanceof WsvcError)) throw error;
      options.onDamage(id, error);
      return readWhatIsLeft(repository, id);
    }
  };
  const read = async (id: CommitId): Promise<RecordedCheckpoint | undefined> => {
    const recorded = known.get(id) ?? remembered(id) ?? (await learn(id));
    if (recorded !== undefined) known.set(id, recorded);
    return recorded;
  };
  const found = new Map<CommitId, RecordedCheckpoint>();
  const starts = [...(tips ?? (await readAllTips(repository)))];
  if (tips === undefined && starts.length === 0 && repository.commits.size > 0) {
    throw new CorruptError('no branch or tag is left, although there were commits', {
      suggestions: ['Run "wsvc fsck --repair": it finds the commits and makes their branches again.'],
    });
  }
  const stack = starts.reverse().map((id) => ({ id, isExpanded: false }));
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (found.has(top.id)) continue;
    const recorded = await read(top.id);
    if (recorded === undefined) continue;
    if (top.isExpanded) {
      found.set(top.id, recorded);
      continue;
    }
    stack.push({ id: top.id, isExpanded: true });
    for (const parent of recorded.parents) if (!found.has(parent)) stack.push({ id: parent, isExpanded: false });
  }
  if (!options.isFresh) await rememberCommits(repository, learned);
  return found;
}

/** Names a set of checkpoints, whatever their order: a key for what is derived from it. */
export function hashOfSet(parts: readonly string[]): string {
  return createHash('sha256')
    .update([...parts].sort().join('\n'))
    .digest('hex');
}
