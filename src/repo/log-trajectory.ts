import { WsvcError } from '../errors.ts';
import type { Member } from '../lineage/model.ts';
import { describeSteps } from '../lineage/trajectory-geometry.ts';
import type { ManifestId } from '../objects/ids.ts';
import { type LineageView, readLineageView, type ViewEntry, type ViewTrajectory } from './lineage-view.ts';
import type { Repository } from './repository.ts';
import type { TrajectoryCheckpoint, TrajectoryLogResult, TrajectoryResult } from './results.ts';

function describeFork(view: LineageView, trajectory: ViewTrajectory): TrajectoryResult['forkedFrom'] {
  const from = trajectory.forkedFrom?.id;
  if (from === undefined) return null;
  for (const { name, entries } of view.trajectories) {
    const entry = entries.find(({ id }) => id === from);
    if (entry === undefined) continue;
    const confidence = trajectory.forkedFrom?.confidence ?? 0;
    return { trajectory: name, position: entry.position, commit: entry.commit ?? null, confidence };
  }
  return null;
}

/** What was recorded, or inferred since, about how a checkpoint came from its parent. */
function relationOf(view: LineageView, entry: ViewEntry): { relation: string; confidence: number } {
  const recorded = entry.commit === undefined ? undefined : view.recorded.get(entry.commit)?.trailers;
  if (recorded !== undefined) return { relation: recorded.relation, confidence: recorded.confidence };
  const edge = view.edges.find(({ child }) => child === entry.id);
  return { relation: edge?.relation ?? 'unrelated', confidence: edge?.confidence ?? 0 };
}

function describeTrajectory(
  view: LineageView,
  members: ReadonlyMap<ManifestId, Member>,
  trajectory: ViewTrajectory,
): TrajectoryResult {
  const steps = describeSteps(trajectory.entries.flatMap(({ id }) => members.get(id) ?? []));
  const checkpoints = trajectory.entries.map(
    (entry, index): TrajectoryCheckpoint => ({
      commit: entry.commit ?? null,
      manifest: entry.id,
      source: entry.source,
      position: entry.position,
      ...relationOf(view, entry),
      stepLength: steps[index]?.stepLength ?? null,
      relativeStep: steps[index]?.relativeStep ?? null,
      turn: steps[index]?.turn ?? null,
    }),
  );
  return {
    name: trajectory.name,
    forkedFrom: describeFork(view, trajectory),
    ordered: trajectory.isOrdered,
    orderConfidence: trajectory.orderConfidence,
    direction: trajectory.direction,
    checkpoints,
  };
}

/** The view as it leaves the library. */
export function describeTrajectories(view: LineageView): TrajectoryLogResult {
  const members = new Map(view.archive.members.map((member) => [member.id, member]));
  const trajectories = view.trajectories.map((trajectory) => describeTrajectory(view, members, trajectory));
  trajectories.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return { trajectories };
}

/**
 * Reads all trajectories, or one, each in weight-space order.
 *
 * @throws WsvcError `not-found` when there is no trajectory of that name.
 */
export async function logTrajectories(repository: Repository, name?: string): Promise<TrajectoryLogResult> {
  const all = describeTrajectories(await readLineageView(repository));
  if (name === undefined) return all;
  const trajectories = all.trajectories.filter((trajectory) => trajectory.name === name);
  if (trajectories.length === 0) {
    throw new WsvcError('not-found', `There is no trajectory ${name}.`, {
      suggestions: ['Run "wsvc log --trajectory" to see all of them.'],
    });
  }
  return { trajectories };
}
