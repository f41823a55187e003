import type { ManifestId } from '../objects/ids.ts';
import type { ViewEntry, ViewTrajectory } from './view-outline.ts';

/** Pairs that stand in the order of arrival less those that do not. */
function arrivalVotes(entries: readonly ViewEntry[], arrival: ReadonlyMap<ManifestId, number>): number {
  const ranks = entries.map(({ id }) => arrival.get(id) ?? 0);
  let votes = 0;
  for (const [i, a] of ranks.entries()) for (const b of ranks.slice(i + 1)) votes += Math.sign(b - a);
  return votes;
}

/** Where the weights give no direction, what came first is shown first; the direction stays unknown. */
export function orientByArrival(trajectory: ViewTrajectory, arrival: ReadonlyMap<ManifestId, number>): ViewTrajectory {
  const { entries, direction } = trajectory;
  if (direction !== 'unknown' || arrivalVotes(entries, arrival) >= 0) return trajectory;
  const last = Math.max(...entries.map(({ position }) => position));
  return {
    ...trajectory,
    entries: [...entries].reverse().map((entry) => ({ ...entry, position: last - entry.position })),
  };
}
