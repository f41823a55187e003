import type { CommitId } from '../objects/ids.ts';
import type { PrunedCheckpoint } from '../objects/pruned-record.ts';
import { describeTrailers } from './placement-result.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import type { LogEntry, LogResult } from './results.ts';
import { resolveRevision } from './revision.ts';

/** ISO 8601 in the author's own time zone, as `git log --date=iso-strict` has it. */
function isoDate({ timestamp, timezoneOffset }: RecordedCheckpoint['author']): string {
  const local = new Date((timestamp - timezoneOffset * 60) * 1000).toISOString().slice(0, 19);
  const minutes = Math.abs(timezoneOffset);
  const pad = (n: number): string => String(n).padStart(2, '0');
  return `${local}${timezoneOffset > 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

function reachableFrom(
  recorded: ReadonlyMap<CommitId, RecordedCheckpoint>,
  starts: readonly CommitId[],
): readonly RecordedCheckpoint[] {
  const found = new Map<CommitId, RecordedCheckpoint>();
  const stack = [...starts];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    const entry = recorded.get(id);
    if (entry === undefined || found.has(id)) continue;
    found.set(id, entry);
    stack.push(...entry.parents);
  }
  return [...found.values()];
}

function describeEntry(
  entry: RecordedCheckpoint,
  recorded: ReadonlyMap<CommitId, RecordedCheckpoint>,
  refs: readonly string[],
  pruned: PrunedCheckpoint | undefined,
): LogEntry {
  const { trailers } = entry;
  const parent = entry.parents[0] === undefined ? undefined : recorded.get(entry.parents[0]);
  const isFirst = parent?.trailers?.trajectory !== trailers?.trajectory;
  return {
    commit: entry.commit,
    parents: entry.parents,
    author: `${entry.author.name} <${entry.author.email}>`,
    date: isoDate(entry.author),
    message: entry.message,
    paths: entry.checkpoint === undefined ? [] : [entry.checkpoint.path],
    placement: trailers === undefined ? null : describeTrailers(trailers, isFirst),
    refs,
    ...(pruned === undefined
      ? {}
      : { pruned: { at: new Date(pruned.pruning.at).toISOString(), policy: pruned.pruning.policy } }),
  };
}

/** Newest first; a child always before its parents, also where clocks were wrong: it counts as no older than they. */
function newestFirst(
  entries: readonly RecordedCheckpoint[],
  ancestorsFirst: Iterable<CommitId>,
): readonly RecordedCheckpoint[] {
  const byId = new Map(entries.map((entry) => [entry.commit, entry]));
  const keys = new Map<CommitId, { readonly time: number; readonly rank: number }>();
  for (const id of ancestorsFirst) {
    const entry = byId.get(id);
    if (entry === undefined) continue;
    const time = Math.max(entry.author.timestamp, ...entry.parents.map((parent) => keys.get(parent)?.time ?? 0));
    keys.set(id, { time, rank: keys.size });
  }
  const keyOf = (entry: RecordedCheckpoint) => keys.get(entry.commit) ?? { time: 0, rank: 0 };
  return [...entries].sort((a, b) => keyOf(b).time - keyOf(a).time || keyOf(b).rank - keyOf(a).rank);
}

/**
 * Reads the history of a revision, newest first.
 *
 * @param revision - HEAD by default; `all` reads what any branch or tag reaches.
 * @throws WsvcError `not-found`.
 */
export async function logHistory(
  repository: Repository,
  options: { readonly revision?: string; readonly all?: boolean; readonly limit?: number } = {},
): Promise<LogResult> {
  const recorded = await readRecordedCheckpoints(repository);
  const head = await repository.history.readHead();
  const refs = [...(await repository.history.listBranches()), ...(await repository.history.listTags())];
  if (options.revision === undefined && !options.all && head.commit === undefined) return { commits: [] };
  const starts = options.all
    ? [...recorded.keys()]
    : [options.revision === undefined ? head.commit : await resolveRevision(repository, options.revision)];
  const entries = newestFirst(
    reachableFrom(
      recorded,
      starts.flatMap((id) => id ?? []),
    ),
    recorded.keys(),
  );
  const namesAt = (commit: CommitId): string[] => refs.filter((ref) => ref.commit === commit).map(({ name }) => name);
  const { byId } = await repository.pruned.read();
  return {
    commits: entries.slice(0, options.limit).map((entry) => {
      const id = entry.checkpoint?.pointer.manifest;
      return describeEntry(entry, recorded, namesAt(entry.commit), id === undefined ? undefined : byId.get(id));
    }),
  };
}
