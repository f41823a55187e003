import type { LineageEdge } from '../lineage/model.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { OrderDoubt, SettledTrajectory } from './settle-order.ts';
import type { ViewEntry, ViewTrajectory } from './view-outline.ts';

/** What the user wants to keep of each trajectory; what nothing keeps is pruned. */
export interface PrunePolicy {
  /** So many at the end. */
  readonly keepLast?: number;
  /** Every so-many-th position, from the first. */
  readonly keepEvery?: number;
}

/** Why a checkpoint is kept; the first that applies. */
export type KeepReason =
  | 'first'
  | 'last'
  | 'every'
  | 'branch tip'
  | 'tag'
  | 'pin'
  | 'staged'
  | 'parent'
  | 'other trajectory'
  | OrderDoubt
  | 'not asked for';

/** Checkpoints that are held whatever the policy says. */
export type Holds = ReadonlyMap<ManifestId, KeepReason>;

/** Relations between neighbors on a run: what lies between two that are kept may go. */
const ALONG_A_RUN: ReadonlySet<string> = new Set(['next', 'between']);

/** The policy in words, as history will tell it. */
export function describePolicy({ keepLast, keepEvery }: PrunePolicy): string {
  const parts = [
    ...(keepLast === undefined ? [] : [`keep the last ${keepLast}`]),
    ...(keepEvery === undefined ? [] : [`keep every ${ordinal(keepEvery)}`]),
  ];
  return [...parts, 'keep what is tagged, pinned, or descended from'].join(', ');
}

function ordinal(n: number): string {
  const ending = ['th', 'st', 'nd', 'rd'][n % 10] ?? 'th';
  return `${n}${n % 100 >= 11 && n % 100 <= 13 ? 'th' : ending}`;
}

/** The places of a trajectory, first to last; copies share one. */
function placesOf({ entries }: ViewTrajectory): readonly (readonly ViewEntry[])[] {
  const places = new Map<number, ViewEntry[]>();
  for (const entry of entries) places.set(entry.position, [...(places.get(entry.position) ?? []), entry]);
  return [...places].sort(([a], [b]) => a - b).map(([, at]) => at);
}

/** Why a place is kept by the policy; where it is not known which places are the last, all are. */
function reasonFor(
  place: number,
  count: number,
  policy: PrunePolicy,
  { doubt }: SettledTrajectory,
): KeepReason | undefined {
  if (doubt !== undefined) return doubt;
  if (place === 0) return 'first';
  const last = Math.max(1, policy.keepLast ?? 1);
  if (place >= count - last) return 'last';
  return policy.keepEvery !== undefined && place % policy.keepEvery === 0 ? 'every' : undefined;
}

/** What comes from a checkpoint that is not its neighbor on a run: a fork, a copy, a fine-tune, an average. */
function parentsOutside(edges: readonly LineageEdge[], home: ReadonlyMap<ManifestId, string>): readonly LineageEdge[] {
  return edges.filter(({ child, parent, relation }) => {
    const isNeighbor = home.get(child) === home.get(parent) && ALONG_A_RUN.has(relation);
    return child !== parent && !isNeighbor;
  });
}

/**
 * Says which checkpoints stay, and why; all others of the trajectories asked about may be pruned. A parent stays as long as a child
 * that is no neighbor of it stays.
 *
 * @param asked - names of trajectories; all of them when absent.
 */
export function decideKept(
  trajectories: readonly SettledTrajectory[],
  edges: readonly LineageEdge[],
  holds: Holds,
  policy: PrunePolicy,
  asked?: ReadonlySet<string>,
): ReadonlyMap<ManifestId, KeepReason> {
  const kept = new Map<ManifestId, KeepReason>(holds);
  const keep = (id: ManifestId, reason: KeepReason): void => {
    if (!kept.has(id)) kept.set(id, reason);
  };
  for (const trajectory of trajectories) {
    const places = placesOf(trajectory);
    const isAsked = asked === undefined || asked.has(trajectory.name);
    places.forEach((entries, place) => {
      const reason = isAsked ? reasonFor(place, places.length, policy, trajectory) : 'not asked for';
      if (reason !== undefined) for (const { id } of entries) keep(id, reason);
    });
    if (trajectory.forkedFrom !== undefined) keep(trajectory.forkedFrom.id, 'parent');
  }
  const home = new Map(trajectories.flatMap(({ name, entries }) => entries.map(({ id }) => [id, name] as const)));
  const outside = parentsOutside(edges, home);
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    for (const { child, parent } of outside) if (kept.has(child)) keep(parent, 'parent');
  }
  return kept;
}
