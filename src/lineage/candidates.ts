import { planCuts } from '../diff/plan-cuts.ts';
import { type ManifestId, parseManifestId } from '../objects/ids.ts';
import { spreadsOf } from '../sketch/spreads.ts';
import type { Summary, TensorSpread } from '../sketch/summary.ts';
import { elementCount } from '../tensors/dtype.ts';
import { holdersOf, tellingTensors } from './contents.ts';
import type { Archive, Member } from './model.ts';
import { byShape, createNearestSpread } from './nearest-spread.ts';

/** Neighbours read from the index: at this depth the right one was found for every kind of change (lineage.md, A2). */
const NEAREST = 32;
/** Checkpoints of a run taken to either side of a good candidate at most; of large ones half as many as there are candidates. */
const TO_EITHER_SIDE = 9;
/** Values that are read for the candidates of one query at most; large checkpoints get fewer candidates. */
const VALUES_READ = 1 << 27;
const FEWEST = 6;
/** Share of the smaller checkpoint's weights that a member of another space must have the shapes of. */
const LEAST_OVERLAP = 0.25;

/** How many candidates a query of that size can afford. */
export function candidateLimit(summary: Summary): number {
  return Math.max(FEWEST, Math.min(NEAREST, Math.floor(VALUES_READ / Math.max(summary.parameters, 1))));
}

/** The members of the query's own space nearest in the index, and those of any space that share contents with it. */
export function nearCandidates(summary: Summary, archive: Archive): readonly ManifestId[] {
  const limit = candidateLimit(summary);
  const near = archive.neighbors('centred', summary, limit).map(({ key }) => parseManifestId(key));
  const filled = near.length > 0 ? near : sameSpace(summary, archive).slice(0, limit);
  return [...new Set([...sharers(summary, archive).slice(0, limit >> 2), ...filled])];
}

function sameSpace(summary: Summary, archive: Archive): ManifestId[] {
  return othersInSpace(summary, archive).map(({ id }) => id);
}

/** The members of a query's own space without the query itself. */
export function othersInSpace(query: Summary, archive: Archive): readonly Member[] {
  return (archive.spaces().get(query.space) ?? []).filter(({ summary }) => summary !== query);
}

/** Members that hold contents of the query, those with the most values in common first. */
function sharers(summary: Summary, archive: Archive): ManifestId[] {
  const shared = new Map<Member, number>();
  const sizes = new Map(tellingTensors(summary).map((t) => [t.content, elementCount(t.shape)]));
  for (const [content, members] of holdersOf(summary, archive)) {
    for (const member of members) shared.set(member, (shared.get(member) ?? 0) + (sizes.get(content) ?? 0));
  }
  return [...shared].sort((a, b) => b[1] - a[1]).map(([member]) => member.id);
}

/** Adds the neighbours on their trajectories of the given members. */
export function withTrajectoryNeighbors(
  ids: readonly ManifestId[],
  archive: Archive,
  most = TO_EITHER_SIDE,
): readonly ManifestId[] {
  const found = new Set<ManifestId>();
  for (const id of ids) {
    const { trajectory, summary } = archive.member(id);
    if (trajectory === undefined) continue;
    const run = archive.trajectory(trajectory);
    const at = run.findIndex((member) => member.id === id);
    const sides = Math.min(most, candidateLimit(summary) >> 1);
    for (const member of run.slice(Math.max(0, at - sides), at + sides + 1)) found.add(member.id);
  }
  return [...found];
}

/**
 * Members of other spaces that could be relatives all the same: a head of another size, added layers, a resized embedding, optimizer state
 * around the weights. Those that share the most shapes come first, then those whose tensors have the most similar spread.
 */
export function foreignCandidates(summary: Summary, archive: Archive): readonly ManifestId[] {
  const own = byShape(spreadsOf(summary));
  const nearest = createNearestSpread(own);
  const scored: { readonly id: ManifestId; readonly overlap: number; readonly distance: number }[] = [];
  for (const [space, members] of archive.spaces()) {
    const [first] = members;
    if (space === summary.space || first === undefined) continue;
    const overlap = shapeOverlap(summary, own, first.summary);
    for (const { id, summary: other } of members) {
      if (overlap >= LEAST_OVERLAP * Math.min(summary.parameters, other.parameters) && overlap > 0) {
        scored.push({ id, overlap, distance: nearest.distanceTo(other) });
      }
    }
  }
  scored.sort((a, b) => a.distance - b.distance || b.overlap - a.overlap);
  return scored.slice(0, candidateLimit(summary)).map(({ id }) => id);
}

/** Members of the query's own space whose tensors have the most similar statistics: no order of units changes those. */
export function nearestBySpread(summary: Summary, archive: Archive, most: number): readonly ManifestId[] {
  const own = createNearestSpread(byShape(spreadsOf(summary)));
  const nearest: { readonly id: ManifestId; readonly distance: number }[] = [];
  for (const member of othersInSpace(summary, archive)) {
    const distance = own.distanceTo(member.summary);
    if (nearest.length >= most && distance >= (nearest.at(-1)?.distance ?? 0)) continue;
    const behind = nearest.findLastIndex((one) => one.distance <= distance);
    nearest.splice(behind + 1, 0, { id: member.id, distance });
    if (nearest.length > most) nearest.pop();
  }
  return nearest.map(({ id }) => id);
}

/** Values in tensors that have the same shape in both, or that one of the two keeps in slices. */
function shapeOverlap(summary: Summary, own: ReadonlyMap<string, readonly TensorSpread[]>, other: Summary): number {
  let overlap = 0;
  for (const [key, tensors] of byShape(spreadsOf(other))) {
    const count = Math.min(tensors.length, own.get(key)?.length ?? 0);
    overlap += count * (tensors[0]?.elements ?? 0);
  }
  const cuts = planCuts(shapesOf(summary), shapesOf(other));
  for (const { shape } of [...cuts.own.keys(), ...cuts.others.keys()]) overlap += elementCount(shape);
  return overlap;
}

function shapesOf(summary: Summary): readonly { readonly shape: readonly number[] }[] {
  return spreadsOf(summary).map(({ shape }) => ({ shape: shape.split('x').map(Number) }));
}
