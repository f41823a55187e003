import { WsvcError } from '../errors.ts';
import { findAlteredIds } from '../lineage/alteration-words.ts';
import { monitorTrajectory } from '../lineage/monitor.ts';
import type { MonitorResult } from './lineage-results.ts';
import { type LineageView, readLineageView } from './lineage-view.ts';
import type { Repository } from './repository.ts';
import { withLostSummaries } from './stored-summaries.ts';
import type { ViewTrajectory } from './view-outline.ts';

/** The trajectory of that name; without one, that of HEAD's branch, of HEAD's checkpoint, or the only one. */
async function findTrajectory(
  repository: Repository,
  view: LineageView,
  name: string | undefined,
): Promise<ViewTrajectory> {
  const head = await repository.history.readHead();
  const wanted = name ?? (head.kind === 'branch' ? head.branch : undefined);
  const named = view.trajectories.find((trajectory) => trajectory.name === wanted);
  if (named !== undefined) return named;
  const holding = view.trajectories.find(({ entries }) => entries.some(({ commit }) => commit === head.commit));
  const only = view.trajectories.length === 1 ? view.trajectories[0] : undefined;
  const found = name === undefined ? (head.commit === undefined ? only : (holding ?? only)) : undefined;
  if (found !== undefined) return found;
  throw new WsvcError(
    'not-found',
    wanted === undefined ? 'HEAD is on no trajectory.' : `There is no trajectory ${wanted}.`,
    {
      suggestions: ['Run "wsvc log --trajectory" to see all of them, and name one.'],
    },
  );
}

/**
 * Describes the steps of a run and flags what is unusual by the run's own recent past.
 *
 * @throws WsvcError `not-found`.
 */
export async function monitorRun(repository: Repository, name?: string): Promise<MonitorResult> {
  const view = await readLineageView(repository);
  const trajectory = await findTrajectory(repository, view, name);
  const altered = findAlteredIds(view.edges);
  const entries = trajectory.entries.filter(({ id }) => !altered.has(id));
  const steps = await withLostSummaries(repository.checkpoints, async () =>
    monitorTrajectory(entries.map(({ id }) => view.archive.member(id))),
  );
  return {
    trajectory: trajectory.name,
    steps: entries.flatMap((entry, index) => {
      const step = steps[index];
      if (step === undefined) return [];
      return [{ commit: entry.commit ?? null, source: entry.source, position: entry.position, ...step }];
    }),
  };
}
