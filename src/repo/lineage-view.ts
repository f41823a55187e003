import type { Archive, Forest, LineageEdge, Member } from '../lineage/model.ts';
import { recoverForest } from '../lineage/recover-forest.ts';
import type { CommitId, ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import { readCachedForest, rememberForest } from './forest-cache.ts';
import { openForestMemo } from './forest-memo-log.ts';
import { openNeighborIndexes } from './neighbor-indexes.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import { hashOfSet, readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import { createArchive, type WeightReader } from './repository-archive.ts';

/** One commit (or one file that waits to be committed) on a trajectory. */
export interface ViewEntry {
  readonly id: ManifestId;
  readonly source: string;
  readonly position: number;
  readonly commit?: CommitId;
}

export interface ViewTrajectory {
  readonly name: string;
  readonly forkedFrom?: { readonly id: ManifestId; readonly confidence: number };
  readonly isOrdered: boolean;
  readonly orderConfidence: number;
  readonly direction: 'inferred' | 'declared' | 'unknown';
  /** In weight-space order; ties in the order of arrival. */
  readonly entries: readonly ViewEntry[];
}

/**
 * All checkpoints of a repository in weight space. A function of the checkpoints and of what users declared, not of the
 * order of arrival: it is computed from the sketches, and branches lend it their names.
 */
export interface LineageView {
  readonly trajectories: readonly ViewTrajectory[];
  readonly edges: readonly LineageEdge[];
  readonly archive: Archive;
  readonly recorded: ReadonlyMap<CommitId, RecordedCheckpoint>;
}

/** A checkpoint that is in the view but not in the history yet. */
export interface PendingMember {
  readonly id: ManifestId;
  readonly source: string;
  readonly summary: Summary;
}

interface Occurrence {
  readonly id: ManifestId;
  readonly source: string;
  /** Trajectory it was committed on. */
  readonly label?: string;
  readonly isDeclared: boolean;
  readonly commit?: CommitId;
}

function occurrencesOf(
  recorded: ReadonlyMap<CommitId, RecordedCheckpoint>,
  pending: readonly PendingMember[],
): readonly Occurrence[] {
  const committed = [...recorded.values()].flatMap(({ commit, checkpoint, trailers }): readonly Occurrence[] => {
    if (checkpoint === undefined || checkpoint.pointer.parameters === 0) return [];
    return [
      {
        id: checkpoint.pointer.manifest,
        commit,
        source: trailers?.source ?? checkpoint.path,
        isDeclared: trailers?.edge === 'declared',
        ...(trailers === undefined ? {} : { label: trailers.trajectory }),
      },
    ];
  });
  const waiting = pending.filter(({ summary }) => summary.parameters > 0);
  return [...committed, ...waiting.map(({ id, source }) => ({ id, source, isDeclared: false }))];
}

/** The next free name of the form `run-N`. */
function createNamer(taken: Iterable<string>): () => string {
  const names = new Set(taken);
  let next = 1;
  return () => {
    while (names.has(`run-${next}`)) next += 1;
    names.add(`run-${next}`);
    return `run-${next}`;
  };
}

/** Gives every recovered trajectory the branch name that most of its checkpoints were committed on, else a new one. */
function nameTrajectories(
  forest: Forest,
  labels: ReadonlyMap<ManifestId, readonly string[]>,
  taken: readonly string[],
): readonly string[] {
  const ballots: { index: number; name: string; votes: number }[] = [];
  forest.trajectories.forEach((trajectory, index) => {
    const votes = new Map<string, number>();
    for (const { id } of trajectory.members) {
      for (const label of labels.get(id) ?? []) votes.set(label, (votes.get(label) ?? 0) + 1);
    }
    for (const [name, count] of votes) ballots.push({ index, name, votes: count });
  });
  ballots.sort(
    (a, b) => b.votes - a.votes || a.name.localeCompare(b.name, 'en', { numeric: true }) || a.index - b.index,
  );
  const names = new Map<number, string>();
  const used = new Set<string>();
  for (const { index, name } of ballots) {
    if (names.has(index) || used.has(name)) continue;
    names.set(index, name);
    used.add(name);
  }
  const nextName = createNamer([...taken, ...used]);
  return forest.trajectories.map((_, index) => names.get(index) ?? nextName());
}

function entriesOf(
  trajectory: Forest['trajectories'][number],
  occurrences: ReadonlyMap<ManifestId, readonly Occurrence[]>,
): readonly ViewEntry[] {
  return trajectory.members.flatMap(({ id, position }) =>
    (occurrences.get(id) ?? [])
      .filter((occurrence) => !occurrence.isDeclared)
      .map(({ source, commit }) => ({ id, source, position, ...(commit === undefined ? {} : { commit }) })),
  );
}

function groupById(occurrences: readonly Occurrence[]): ReadonlyMap<ManifestId, readonly Occurrence[]> {
  const groups = new Map<ManifestId, Occurrence[]>();
  for (const occurrence of occurrences) {
    const group = groups.get(occurrence.id);
    if (group === undefined) groups.set(occurrence.id, [occurrence]);
    else group.push(occurrence);
  }
  return groups;
}

/** Pairs that stand in the order of arrival less those that do not. */
function arrivalVotes(entries: readonly ViewEntry[], arrival: ReadonlyMap<ManifestId, number>): number {
  const ranks = entries.map(({ id }) => arrival.get(id) ?? 0);
  let votes = 0;
  for (const [i, a] of ranks.entries()) for (const b of ranks.slice(i + 1)) votes += Math.sign(b - a);
  return votes;
}

/** Where the weights give no direction, what came first is shown first; the direction stays unknown. */
function orientByArrival(trajectory: ViewTrajectory, arrival: ReadonlyMap<ManifestId, number>): ViewTrajectory {
  const { entries, direction } = trajectory;
  if (direction !== 'unknown' || arrivalVotes(entries, arrival) >= 0) return trajectory;
  const last = Math.max(...entries.map(({ position }) => position));
  return {
    ...trajectory,
    entries: [...entries].reverse().map((entry) => ({ ...entry, position: last - entry.position })),
  };
}

/** Puts what users declared where they said: after the tip of the trajectory they named. */
function addDeclared(
  trajectories: readonly ViewTrajectory[],
  declared: readonly Occurrence[],
): readonly ViewTrajectory[] {
  const byName = new Map(trajectories.map((trajectory) => [trajectory.name, trajectory]));
  for (const { id, source, commit, label } of declared) {
    if (label === undefined) continue;
    const before = byName.get(label);
    const position = before === undefined ? 0 : (before.entries.at(-1)?.position ?? -1) + 1;
    const entry = { id, source, position, ...(commit === undefined ? {} : { commit }) };
    byName.set(label, {
      ...(before ?? { name: label, isOrdered: true, orderConfidence: 1 }),
      direction: 'declared',
      entries: [...(before?.entries ?? []), entry],
    });
  }
  return [...byName.values()].filter(({ entries }) => entries.length > 0);
}

async function membersOf(
  repository: Repository,
  occurrences: ReadonlyMap<ManifestId, readonly Occurrence[]>,
  pending: readonly PendingMember[],
): Promise<readonly Member[]> {
  const waiting = new Map(pending.map((member) => [member.id, member.summary]));
  const members: Member[] = [];
  for (const [id, [first]] of occurrences) {
    if (first === undefined) continue;
    const summary = waiting.get(id) ?? (await repository.checkpoints.summary(id));
    members.push({
      id,
      summary,
      source: first.source,
      ...(first.commit === undefined ? {} : { commit: first.commit }),
    });
  }
  return members.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The same members, each with its place on its trajectory. */
function placed(members: readonly Member[], trajectories: readonly ViewTrajectory[]): readonly Member[] {
  const places = new Map<ManifestId, { trajectory: string; position: number }>();
  for (const { name, entries } of trajectories) {
    for (const { id, position } of entries) if (!places.has(id)) places.set(id, { trajectory: name, position });
  }
  return members.map((member) => ({ ...member, ...places.get(member.id) }));
}

async function forestOf(repository: Repository, members: readonly Member[], reader: WeightReader): Promise<Forest> {
  const key = hashOfSet(members.map(({ id }) => id));
  const cached = await readCachedForest(repository.derivedDirectory, key);
  if (cached !== undefined) return cached;
  const memo = openForestMemo(repository);
  const forest = await recoverForest(members, createArchive(members, reader), { memo });
  await memo.save();
  await rememberForest(repository.derivedDirectory, key, forest);
  return forest;
}

/** Computes the view of all checkpoints in the history, and of those that wait. */
export async function readLineageView(
  repository: Repository,
  pending: readonly PendingMember[] = [],
  reader: WeightReader = repository.checkpoints,
): Promise<LineageView> {
  const recorded = await readRecordedCheckpoints(repository);
  const occurrences = occurrencesOf(recorded, pending);
  const byId = groupById(occurrences);
  const members = await membersOf(repository, byId, pending);
  const forest = await forestOf(repository, members, reader);
  const labels = new Map(
    [...byId].map(([id, all]) => [id, all.filter((one) => !one.isDeclared).flatMap(({ label }) => label ?? [])]),
  );
  const branches = (await repository.history.listBranches()).map(({ name }) => name);
  const names = nameTrajectories(forest, labels, branches);
  const inferred = forest.trajectories.map(
    (trajectory, index): ViewTrajectory => ({
      name: names[index] ?? '',
      isOrdered: trajectory.isOrdered,
      orderConfidence: trajectory.orderConfidence,
      direction: trajectory.direction,
      entries: entriesOf(trajectory, byId),
      ...(trajectory.forkedFrom === undefined ? {} : { forkedFrom: trajectory.forkedFrom }),
    }),
  );
  const arrival = new Map([...byId.keys()].map((id, index) => [id, index]));
  const oriented = inferred.map((trajectory) => orientByArrival(trajectory, arrival));
  const trajectories = addDeclared(
    oriented,
    occurrences.filter(({ isDeclared }) => isDeclared),
  );
  const indexes = await openNeighborIndexes(repository.derivedDirectory, members);
  const archive = createArchive(placed(members, trajectories), reader, indexes);
  return { trajectories, edges: forest.edges, recorded, archive };
}
