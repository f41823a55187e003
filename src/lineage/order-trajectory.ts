import type { ManifestId } from '../objects/ids.ts';
import type { Direction } from './component.ts';
import { recoverComponent } from './component.ts';
import { hasSketch } from './copies.ts';
import { readDeclaredProgress } from './declared-order.ts';
import { kendallTau } from './direction.ts';
import { createDistances } from './distances.ts';
import { readFeatures } from './features.ts';
import type { Member } from './model.ts';
import { weighOrder } from './order.ts';
import { shortenPath } from './shorten-path.ts';
import { turnEnd } from './turn-end.ts';

/** The order of checkpoints that are known to be one run's. */
export interface TrajectoryOrder {
  readonly ids: readonly ManifestId[];
  readonly isOrdered: boolean;
  readonly confidence: number;
  readonly direction: Direction;
}

/** The chains one after the other, each turned so that it starts where the path has come to. */
function joinChains(members: readonly Member[]): { readonly path: readonly number[]; readonly direction: Direction } {
  const tree = recoverComponent({
    points: members.map(({ summary }) => summary.centred),
    features: readFeatures(members),
    declared: readDeclaredProgress(members),
  });
  return { path: tree.branches.flatMap(({ chain }) => chain), direction: tree.direction };
}

/** Keeps the direction that the longer path had before it was shortened. */
function alignWith(path: readonly number[], reference: readonly number[]): readonly number[] {
  const places = new Map(reference.map((member, place) => [member, place]));
  const found = path.map((member) => places.get(member) ?? 0);
  return kendallTau(Array.from(found.keys()), found) < 0 ? path.toReversed() : path;
}

/**
 * Orders checkpoints that are known to belong to one run, whatever forks they seem to have: the shortest path through them, directed by the
 * votes of the weights. Those that lineage cannot see come last, as they were given.
 */
export function orderTrajectory(members: readonly Member[]): TrajectoryOrder {
  const seen = members.filter(hasSketch).sort((a, b) => (a.id < b.id ? -1 : 1));
  const unseen = members.filter((member) => !hasSketch(member));
  if (seen.length < 2) {
    const ids = [...seen, ...unseen].map(({ id }) => id);
    return { ids, isOrdered: ids.length < 2, confidence: ids.length < 2 ? 1 : 0.5, direction: 'unknown' };
  }
  const distances = createDistances(seen.map(({ summary }) => summary.centred));
  const { path, direction } = joinChains(seen);
  const ordered = turnEnd(alignWith(shortenPath(path, distances), path), distances, readDeclaredProgress(seen));
  const { isOrdered, confidence } = weighOrder(ordered, distances, seen[0]?.summary.parameters ?? 0);
  const ids = [...ordered.flatMap((place) => seen[place]?.id ?? []), ...unseen.map(({ id }) => id)];
  return { ids, isOrdered, confidence, direction };
}
