import type { LineageEdge } from '../lineage/model.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { FrozenTrajectory } from '../objects/pruned-record.ts';
import type { SettledTrajectory } from './settle-order.ts';
import type { ViewTrajectory } from './view-outline.ts';

type Descent = Pick<LineageEdge, 'child' | 'parent'>;

function freeze(trajectory: ViewTrajectory | SettledTrajectory): FrozenTrajectory {
  const { entries, isOrdered, orderConfidence, direction, forkedFrom } = trajectory;
  const members = new Map(entries.map(({ id, position }) => [id, position]));
  return {
    members: [...members].map(([id, position]) => ({ id, position })),
    isOrdered,
    orderConfidence,
    direction,
    ...(forkedFrom === undefined ? {} : { forkedFrom }),
  };
}

/** The trajectories that descent connects with one of `from`, those included. */
function findRelated(
  from: readonly ViewTrajectory[],
  all: readonly ViewTrajectory[],
  edges: readonly Descent[],
): ReadonlySet<ViewTrajectory> {
  const home = new Map(all.flatMap((trajectory) => trajectory.entries.map(({ id }) => [id, trajectory] as const)));
  const links = new Map<ViewTrajectory, Set<ViewTrajectory>>(all.map((trajectory) => [trajectory, new Set()]));
  const link = (a: ViewTrajectory | undefined, b: ViewTrajectory | undefined): void => {
    if (a === undefined || b === undefined) return;
    links.get(a)?.add(b);
    links.get(b)?.add(a);
  };
  for (const { child, parent } of edges) link(home.get(child), home.get(parent));
  for (const one of all) if (one.forkedFrom !== undefined) link(one, home.get(one.forkedFrom.id));
  const found = new Set(from);
  for (const one of found) for (const other of links.get(one) ?? []) found.add(other);
  return found;
}

/**
 * Writes down the trajectories that lose checkpoints, and those that descend from them or they from: without the weights that go, a recovery could
 * take what is left of two runs for one. Those that lose nothing are written as they were seen, whatever order was said of the others.
 *
 * @param seen - all trajectories.
 * @param settled - the same in the order that counts, at the same places.
 */
export function freezeTrajectories(
  seen: readonly ViewTrajectory[],
  settled: readonly SettledTrajectory[],
  edges: readonly Descent[],
  isGone: (id: ManifestId) => boolean,
): readonly FrozenTrajectory[] {
  const losing = new Set(seen.filter(({ entries }) => entries.some(({ id }) => isGone(id))));
  const related = findRelated([...losing], seen, edges);
  return seen.flatMap((trajectory, place) => {
    if (!related.has(trajectory)) return [];
    return [freeze(losing.has(trajectory) ? (settled[place] ?? trajectory) : trajectory)];
  });
}
