import type { ManifestId } from '../objects/ids.ts';
import type { LineageTrailers } from '../objects/trailers.ts';
import type { Placement } from './refine-placement.ts';
import type { PlacementResult } from './results.ts';

/** What is said of a file without weights: it has no place in weight space. */
export const NO_PLACEMENT: PlacementResult = {
  trajectory: null,
  position: null,
  parent: null,
  relation: 'unrelated',
  confidence: 0,
  isNewTrajectory: false,
};

/** The placement as it leaves the library; parents by their commits, where they have one. */
export function describePlacement(placement: Placement, commits: ReadonlyMap<ManifestId, string>): PlacementResult {
  const [parent] = [...placement.parents].sort((a, b) => b.weight - a.weight);
  return {
    trajectory: placement.trajectory,
    position: placement.position,
    parent: (parent === undefined ? undefined : commits.get(parent.id)) ?? null,
    relation: placement.relation,
    confidence: placement.confidence,
    isNewTrajectory: placement.isNewTrajectory,
  };
}

/** The placement that a commit recorded when it was made. */
export function describeTrailers(trailers: LineageTrailers, isFirst: boolean): PlacementResult {
  const [parent] = [...trailers.parents].sort((a, b) => b.weight - a.weight);
  return {
    trajectory: trailers.trajectory,
    position: trailers.position,
    parent: parent?.commit ?? null,
    relation: trailers.relation,
    confidence: trailers.confidence,
    isNewTrajectory: isFirst,
  };
}
