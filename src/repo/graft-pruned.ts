import type { Forest, LineageEdge, Member, RecoveredTrajectory } from '../lineage/model.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { FrozenTrajectory, PrunedRecord } from '../objects/pruned-record.ts';

type Place = RecoveredTrajectory['members'][number];

/** Checkpoints that share a position: one, and its copies. */
type Group = readonly ManifestId[];

function groupByPosition(members: readonly Place[]): readonly Group[] {
  const groups: { position: number; ids: ManifestId[] }[] = [];
  for (const { id, position } of members) {
    const last = groups.at(-1);
    if (last?.position === position) last.ids.push(id);
    else groups.push({ position, ids: [id] });
  }
  return groups.map(({ ids }) => ids);
}

/** Where each checkpoint of a frozen order stands in it. */
function ranksOf(order: readonly Group[]): ReadonlyMap<ManifestId, number> {
  return new Map(order.flatMap((group, rank) => group.map((id) => [id, rank] as const)));
}

/** The recovered groups, turned so that what both know comes in the same order. */
function turnLike(groups: readonly Group[], ranks: ReadonlyMap<ManifestId, number>): readonly Group[] {
  const known = groups.flatMap((group) => ranks.get(group.find((id) => ranks.has(id)) ?? group[0] ?? NOBODY) ?? []);
  let votes = 0;
  for (const [i, rank] of known.entries()) for (const later of known.slice(i + 1)) votes += Math.sign(later - rank);
  return votes < 0 ? [...groups].reverse() : groups;
}

const NOBODY = '' as ManifestId;

type Distance = (a: ManifestId | undefined, b: ManifestId | undefined) => number;

/** Distances between sketches; 0 where there is none to measure. */
function distanceIn(members: ReadonlyMap<ManifestId, Member>): Distance {
  return (a, b) => {
    const [x, y] = [a, b].map((id) => (id === undefined ? undefined : members.get(id)?.summary.centred));
    if (x === undefined || y === undefined) return 0;
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += ((x[i] ?? 0) - (y[i] ?? 0)) ** 2;
    return Math.sqrt(sum);
  };
}

/** The gap of `order` between two ranks in which a new checkpoint makes the path longer by the least. */
function bestGap(order: readonly Group[], from: number, to: number, id: ManifestId | undefined, distance: Distance) {
  let [best, least] = [from, Number.POSITIVE_INFINITY];
  for (let at = from; at <= to; at++) {
    const [before, after] = [order[at - 1]?.[0], order[at]?.[0]];
    const detour = distance(before, id) + distance(id, after) - distance(before, after);
    if (detour < least) [best, least] = [at, detour];
  }
  return best;
}

/** Puts what a recovery has found since into a frozen order: between the neighbors that it has there. */
function insertNew(frozen: readonly Group[], recovered: readonly Group[], distance: Distance): readonly Group[] {
  const order = [...frozen];
  const turned = turnLike(recovered, ranksOf(frozen));
  for (const [index, group] of turned.entries()) {
    const ranks = ranksOf(order);
    const known = group.find((id) => ranks.has(id));
    const fresh = group.filter((id) => !ranks.has(id));
    if (fresh.length === 0) continue;
    if (known !== undefined) {
      const at = ranks.get(known) ?? 0;
      order[at] = [...(order[at] ?? []), ...fresh];
      continue;
    }
    const rankOf = (one: Group) => one.flatMap((id) => ranks.get(id) ?? []);
    const before = turned.slice(0, index).flatMap(rankOf);
    const after = turned.slice(index + 1).flatMap(rankOf);
    const from = before.length === 0 ? 0 : Math.max(...before) + 1;
    const to = after.length === 0 ? order.length : Math.max(from, Math.min(...after));
    // Before the first and behind the last that are known there is nothing to choose.
    const at =
      before.length === 0 ? 0 : after.length === 0 ? order.length : bestGap(order, from, to, fresh[0], distance);
    order.splice(at, 0, fresh);
  }
  return order;
}

function thaw(
  frozen: FrozenTrajectory,
  recovered: readonly RecoveredTrajectory[],
  present: ReadonlyMap<ManifestId, Member>,
  isHome: (id: ManifestId) => boolean,
): RecoveredTrajectory {
  const members = frozen.members.filter(({ id }) => present.has(id));
  const order = groupByPosition(members);
  const known = new Set(members.map(({ id }) => id));
  const hasNew = recovered.some((trajectory) => trajectory.members.some(({ id }) => !known.has(id)));
  const { isOrdered, orderConfidence, direction } = frozen;
  const distance = distanceIn(present);
  let grown = order;
  for (const { members: found } of hasNew ? recovered : []) grown = insertNew(grown, groupByPosition(found), distance);
  // How frozen trajectories descend from each other is known; and nothing is a fork of what has been put into it.
  const inside = new Set(grown.flat());
  const later = recovered.map((trajectory) => trajectory.forkedFrom).filter((fork) => fork && !isHome(fork.id));
  const forkedFrom = [frozen.forkedFrom, ...later].find((fork) => fork !== undefined && !inside.has(fork.id));
  const facts = { isOrdered, orderConfidence, direction, ...(forkedFrom === undefined ? {} : { forkedFrom }) };
  if (!hasNew) return { ...facts, members };
  return { ...facts, members: grown.flatMap((group, position) => group.map((id) => ({ id, position }))) };
}

/** Takes a fork away that leads back to its own trajectory, by way of what has arrived since. */
function withoutCircles(
  trajectories: readonly RecoveredTrajectory[],
  isKnown: (trajectory: RecoveredTrajectory) => boolean,
): readonly RecoveredTrajectory[] {
  const placeOf = new Map(trajectories.flatMap(({ members }, place) => members.map(({ id }) => [id, place] as const)));
  const trunks = trajectories.map(({ forkedFrom }) => forkedFrom && placeOf.get(forkedFrom.id));
  return trajectories.map((trajectory, place) => {
    if (isKnown(trajectory)) return trajectory;
    const passed = new Set<number>();
    let at = trunks[place];
    while (at !== undefined && at !== place && !passed.has(at)) {
      passed.add(at);
      at = trunks[at];
    }
    if (at !== place) return trajectory;
    trunks[place] = undefined;
    const { forkedFrom: _circle, ...rest } = trajectory;
    return rest;
  });
}

/**
 * Joins what the weights that are left say with what was known before others were pruned: a frozen order stands, and what has
 * arrived since is put where the recovery places it among the checkpoints that both know.
 *
 * @param forest - of the checkpoints whose weights can be read.
 * @param members - all checkpoints of the history, the pruned ones too.
 */
export function graftPruned(forest: Forest, record: PrunedRecord, members: readonly Member[]): Forest {
  const present = new Map(members.map((member) => [member.id, member]));
  const frozen = record.trajectories.filter((trajectory) => trajectory.members.some(({ id }) => present.has(id)));
  if (frozen.length === 0) return forest;
  const home = new Map(frozen.flatMap((trajectory) => trajectory.members.map(({ id }) => [id, trajectory] as const)));
  const homeOf = ({ members: found }: RecoveredTrajectory) => found.flatMap(({ id }) => home.get(id) ?? []).at(0);
  const thawed = frozen.map((trajectory) =>
    thaw(
      trajectory,
      // What another frozen trajectory has claimed stays there.
      forest.trajectories
        .filter((recovered) => homeOf(recovered) === trajectory)
        .map((recovered) => ({
          ...recovered,
          members: recovered.members.filter(({ id }) => (home.get(id) ?? trajectory) === trajectory),
        })),
      present,
      (id) => home.has(id),
    ),
  );
  const untouched = forest.trajectories.filter((recovered) => homeOf(recovered) === undefined);
  const isFrozen = new Set(record.edges.map(({ child }) => child));
  const edges: readonly LineageEdge[] = [
    ...record.edges.filter(({ child, parent }) => present.has(child) && present.has(parent)),
    ...forest.edges.filter(({ child, parent }) => !isFrozen.has(child) && !(home.has(child) && home.has(parent))),
  ];
  const isKnown = (trajectory: RecoveredTrajectory) => frozen[thawed.indexOf(trajectory)]?.forkedFrom !== undefined;
  return { trajectories: withoutCircles([...thawed, ...untouched], isKnown), edges };
}
