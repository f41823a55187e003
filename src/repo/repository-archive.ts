import { invariant } from '../assert.ts';
import type { Archive, Member } from '../lineage/model.ts';
import { createNeighborIndex } from '../neighbors/create-index.ts';
import type { Neighbor, NeighborIndex } from '../neighbors/neighbor-index.ts';
import type { ManifestId } from '../objects/ids.ts';
import { SKETCH_LENGTH } from '../sketch/summary.ts';
import type { AxisGraph } from '../symmetry/axis-graph.ts';
import type { Weights } from '../tensors/weights.ts';
import { indexKey, type NeighborIndexes, type SketchKind, vectorsOf } from './neighbor-indexes.ts';

/** Where an archive gets what is too big to hold: stored checkpoints, or files that wait to be stored. */
export interface WeightReader {
  weights(id: ManifestId): Promise<Weights>;
  axisGraph(id: ManifestId): Promise<AxisGraph>;
}

function buildIndex(members: readonly Member[], kind: SketchKind): NeighborIndex {
  const index = createNeighborIndex(SKETCH_LENGTH, members.length);
  for (const [key, vector] of vectorsOf(members, kind)) index.add(key, vector);
  return index;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string | undefined): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/**
 * Makes an archive of these members. Members on a trajectory come in the order of their positions.
 *
 * @param prepared - approximate indexes of large spaces; all others are asked exactly.
 */
export function createArchive(
  members: readonly Member[],
  reader: WeightReader,
  prepared: NeighborIndexes = new Map(),
): Archive {
  const byId = new Map<string, Member>(members.map((member) => [member.id, member]));
  const bySpace = groupBy(members, (member) => member.summary.space);
  const byTrajectory = groupBy(members, (member) => member.trajectory);
  const indexes = new Map<string, NeighborIndex>(prepared);

  function indexOf(kind: SketchKind, space: string): NeighborIndex {
    const key = indexKey(kind, space);
    const known = indexes.get(key);
    if (known !== undefined) return known;
    const built = buildIndex(bySpace.get(space) ?? [], kind);
    indexes.set(key, built);
    return built;
  }

  return {
    members,
    member(id) {
      const found = byId.get(id);
      invariant(found !== undefined, `checkpoint ${id} is a member of the archive`);
      return found;
    },
    trajectory: (name) => [...(byTrajectory.get(name) ?? [])].sort((a, b) => (a.position ?? 0) - (b.position ?? 0)),
    weights: (id) => reader.weights(id),
    axisGraph: (id) => reader.axisGraph(id),
    neighbors(kind, query, k): readonly Neighbor[] {
      const vector = query[kind];
      if (!vector?.some((value) => value !== 0)) return [];
      const found = indexOf(kind, query.space).search(vector, k + 1);
      return found.filter(({ key }) => byId.get(key)?.summary !== query).slice(0, k);
    },
  };
}
