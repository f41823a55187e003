import { isSameCheckpoint } from '../lineage/contents.ts';
import type { Archive, Forest, LineageEdge, Member } from '../lineage/model.ts';
import { recoverForest } from '../lineage/recover-forest.ts';
import type { CommitId, ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import { groupBy } from '../symmetry/group-by.ts';
import { readCachedForest, rememberForest } from './forest-cache.ts';
import { openForestMemo } from './forest-memo-log.ts';
import { graftPruned } from './graft-pruned.ts';
import { nameTrajectories } from './name-trajectories.ts';
import { orientByArrival } from './orient-by-arrival.ts';
import { originalsOf, originateByArrival } from './originals-by-arrival.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import { hashOfSet, readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import { createArchive, type WeightReader } from './repository-archive.ts';
import { withLostSummaries } from './stored-summaries.ts';
import { readCachedView, rememberView, viewKey } from './view-cache.ts';
import { fillMembers, placesOf } from './view-members.ts';
import type { ViewEntry, ViewMember, ViewOutline, ViewTrajectory } from './view-outline.ts';

/**
 * All checkpoints of a repository in weight space. A function of the checkpoints and of what users declared, not of the
 * order of arrival: it is computed from the sketches, and branches lend it their names.
 */
export interface LineageView {
  readonly trajectories: readonly ViewTrajectory[];
  readonly edges: readonly LineageEdge[];
  /** All checkpoints, those too whose content was pruned. */
  readonly archive: Archive;
  /** What every commit recorded: read when it is asked for. */
  recorded(): Promise<ReadonlyMap<CommitId, RecordedCheckpoint>>;
  /** Those whose weights can be read: what a question that needs weights is put to. */
  readonly readable: Archive;
  isPruned(id: ManifestId): boolean;
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

function membersOf(occurrences: ReadonlyMap<ManifestId, readonly Occurrence[]>): readonly ViewMember[] {
  const members = [...occurrences].flatMap(([id, [first]]): readonly ViewMember[] =>
    first === undefined
      ? []
      : [{ id, source: first.source, ...(first.commit === undefined ? {} : { commit: first.commit }) }],
  );
  return members.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Opens the summaries of members: stored ones from the shelf, those of files that wait as they were read. */
async function openSummaries(
  repository: Repository,
  members: readonly ViewMember[],
  pending: readonly PendingMember[],
): Promise<(id: ManifestId) => Summary> {
  const waiting = new Map(pending.map(({ id, summary }) => [id, summary]));
  await repository.summaries.open(members.map(({ id }) => id).filter((id) => !waiting.has(id)));
  return (id) => waiting.get(id) ?? repository.summaries.summary(id);
}

async function forestOf(repository: Repository, members: readonly Member[], reader: WeightReader): Promise<Forest> {
  const key = hashOfSet(members.map(({ id }) => id));
  const cached = await readCachedForest(repository.derivedDirectory, key);
  if (cached !== undefined) return cached;
  const memo = openForestMemo(repository);
  const archive = createArchive(members, reader, { shelf: repository.summaries });
  const forest = await withLostSummaries(repository.checkpoints, () => recoverForest(members, archive, { memo }));
  await memo.save();
  await rememberForest(repository.derivedDirectory, key, forest);
  return forest;
}

async function outlineView(
  repository: Repository,
  pending: readonly PendingMember[],
  reader: WeightReader,
): Promise<ViewOutline> {
  const occurrences = occurrencesOf(await readRecordedCheckpoints(repository), pending);
  const byId = groupBy(occurrences, ({ id }) => id);
  const members = membersOf(byId);
  const summaryOf = await openSummaries(repository, members, pending);
  const all = fillMembers({ members, places: [] }, summaryOf);
  const pruned = await repository.pruned.read();
  const stored = pruned.byId.size === 0 ? all : all.filter(({ id }) => !pruned.byId.has(id));
  const forest = graftPruned(await forestOf(repository, stored, reader), pruned, all);
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
  const isSameKind = (a: ManifestId, b: ManifestId) => isSameCheckpoint(summaryOf(a), summaryOf(b));
  const settled = originateByArrival({ edges: forest.edges, trajectories }, arrival, isSameKind);
  return { members, places: placesOf(members, trajectories), ...settled };
}

/** The outline of the history alone is a function of where its refs stand, and is remembered by that. */
async function outlineHistory(repository: Repository): Promise<ViewOutline> {
  const key = await viewKey(repository);
  const cached = readCachedView(repository.derivedDirectory, key);
  if (cached !== undefined) return cached;
  const outline = await outlineView(repository, [], repository.checkpoints);
  // Another process may have moved a ref in the meantime.
  if ((await viewKey(repository)) === key) rememberView(repository.derivedDirectory, key, outline);
  return outline;
}

/** Reads the view of all checkpoints in the history, and of those that wait. */
export async function readLineageView(
  repository: Repository,
  pending: readonly PendingMember[] = [],
  reader: WeightReader = repository.checkpoints,
): Promise<LineageView> {
  const outline =
    pending.length === 0 ? await outlineHistory(repository) : await outlineView(repository, pending, reader);
  const members = fillMembers(outline, await openSummaries(repository, outline.members, pending));
  const { byId: pruned } = await repository.pruned.read();
  const isPruned = (id: ManifestId): boolean => pruned.has(id);
  const help = { shelf: repository.summaries, originals: () => originalsOf(outline.edges) };
  const archive = createArchive(members, reader, help);
  const stored = pruned.size === 0 ? members : members.filter(({ id }) => !isPruned(id));
  const readable = stored === members ? archive : createArchive(stored, reader, help);
  let recorded: ReturnType<LineageView['recorded']> | undefined;
  return {
    trajectories: outline.trajectories,
    get edges() {
      return outline.edges;
    },
    archive,
    readable,
    isPruned,
    recorded() {
      recorded ??= readRecordedCheckpoints(repository);
      return recorded;
    },
  };
}
