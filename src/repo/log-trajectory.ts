import { WsvcError } from '../errors.ts';
import { findAlteredIds, isAlterationWord } from '../lineage/alteration-words.ts';
import type { LineageEdge, Member } from '../lineage/model.ts';
import { describeSteps } from '../lineage/trajectory-geometry.ts';
import type { CommitId, ManifestId } from '../objects/ids.ts';
import type { TrajectoryCheckpoint, TrajectoryLogResult, TrajectoryResult } from './lineage-results.ts';
import { type LineageView, readLineageView } from './lineage-view.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import type { Repository } from './repository.ts';
import { withLostSummaries } from './stored-summaries.ts';
import type { ViewEntry, ViewTrajectory } from './view-outline.ts';

function describeFork(view: LineageView, trajectory: ViewTrajectory): TrajectoryResult['forkedFrom'] {
  const from = trajectory.forkedFrom?.id;
  if (from === undefined) return null;
  for (const { name, entries } of view.trajectories) {
    const entry = entries.find(({ id }) => id === from);
    if (entry === undefined) continue;
    const confidence = trajectory.forkedFrom?.confidence ?? 0;
    const confidenceWithinOne = trajectory.forkedFrom?.confidenceWithinOne ?? confidence;
    const { position, commit = null } = entry;
    return { trajectory: name, position, commit, confidence, confidenceWithinOne };
  }
  return null;
}

/** What describing a trajectory looks up, by checkpoint and by commit. */
interface Known {
  readonly view: LineageView;
  readonly members: ReadonlyMap<ManifestId, Member>;
  readonly recorded: ReadonlyMap<CommitId, RecordedCheckpoint>;
  /** The first edge of each child. */
  readonly inferred: ReadonlyMap<ManifestId, LineageEdge>;
  /** Made from others without training: no steps. */
  readonly altered: ReadonlySet<string>;
}

/** What was recorded, or inferred since, about how a checkpoint came from its parent. */
function relationOf(
  { recorded, inferred }: Known,
  entry: ViewEntry,
): { readonly relation: string; readonly confidence: number } {
  const trailers = entry.commit === undefined ? undefined : recorded.get(entry.commit)?.trailers;
  const now = inferred.get(entry.id);
  if (now !== undefined && trailers?.edge !== 'declared' && isAlterationWord(now.relation)) return now;
  if (trailers !== undefined) return { relation: trailers.relation, confidence: trailers.confidence };
  return { relation: now?.relation ?? 'unrelated', confidence: now?.confidence ?? 0 };
}

function describeTrajectory(known: Known, trajectory: ViewTrajectory): TrajectoryResult {
  const moving = trajectory.entries.filter(({ id }) => !known.altered.has(id));
  const described = describeSteps(moving.flatMap(({ id }) => known.members.get(id) ?? []));
  const steps = new Map(moving.map((entry, index) => [entry, described[index]]));
  const checkpoints = trajectory.entries.map(
    (entry): TrajectoryCheckpoint => ({
      commit: entry.commit ?? null,
      manifest: entry.id,
      source: entry.source,
      position: entry.position,
      ...relationOf(known, entry),
      stepLength: steps.get(entry)?.stepLength ?? null,
      relativeStep: steps.get(entry)?.relativeStep ?? null,
      turn: steps.get(entry)?.turn ?? null,
      ...(known.view.isPruned(entry.id) ? { pruned: true as const } : {}),
    }),
  );
  return {
    name: trajectory.name,
    forkedFrom: describeFork(known.view, trajectory),
    ordered: trajectory.isOrdered,
    orderConfidence: trajectory.orderConfidence,
    direction: trajectory.direction,
    checkpoints,
  };
}

/** The view as it leaves the library; of one trajectory alone where a name is given. */
export async function describeTrajectories(
  repository: Repository,
  view: LineageView,
  name?: string,
): Promise<TrajectoryLogResult> {
  const known: Known = {
    view,
    members: new Map(view.archive.members.map((member) => [member.id, member])),
    recorded: await view.recorded(),
    altered: findAlteredIds(view.edges),
    inferred: new Map([...view.edges].reverse().map((edge) => [edge.child, edge])),
  };
  const wanted = view.trajectories.filter((trajectory) => name === undefined || trajectory.name === name);
  const trajectories = await withLostSummaries(repository.checkpoints, async () =>
    wanted.map((trajectory) => describeTrajectory(known, trajectory)),
  );
  trajectories.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return { trajectories };
}

/**
 * Reads all trajectories, or one, each in weight-space order.
 *
 * @throws WsvcError `not-found` when there is no trajectory of that name.
 */
export async function logTrajectories(repository: Repository, name?: string): Promise<TrajectoryLogResult> {
  const described = await describeTrajectories(repository, await readLineageView(repository), name);
  if (name === undefined || described.trajectories.length > 0) return described;
  throw new WsvcError('not-found', `There is no trajectory ${name}.`, {
    suggestions: ['Run "wsvc log --trajectory" to see all of them.'],
  });
}
