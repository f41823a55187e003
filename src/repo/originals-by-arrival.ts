import type { LineageEdge } from '../lineage/model.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { ViewTrajectory } from './view-outline.ts';

/** Relations of checkpoints that hold the same weights: which of them came first no weight says. */
const SAME: ReadonlySet<string> = new Set(['identical', 'recontained']);

const isCopy = ({ relation, weight }: Pick<LineageEdge, 'relation' | 'weight'>) => SAME.has(relation) && weight === 1;

/** For every checkpoint that holds the weights of another, that other. */
export function originalsOf(edges: readonly LineageEdge[]): ReadonlyMap<ManifestId, ManifestId> {
  return new Map(edges.flatMap((edge) => (isCopy(edge) ? [[edge.child, edge.parent] as const] : [])));
}

/** Which checkpoints change places: of those with the same weights, the first that arrived takes that of the one that the forest named. */
function exchangesOf(
  edges: readonly LineageEdge[],
  arrival: ReadonlyMap<ManifestId, number>,
): ReadonlyMap<ManifestId, ManifestId> {
  const first = new Map<ManifestId, ManifestId>();
  const rank = (id: ManifestId) => arrival.get(id) ?? Number.POSITIVE_INFINITY;
  for (const { child, parent } of edges.filter(isCopy)) {
    const known = first.get(parent) ?? parent;
    first.set(parent, rank(child) < rank(known) ? child : known);
  }
  return new Map([...first].flatMap(([a, b]) => (a === b ? [] : [[a, b] as const, [b, a] as const])));
}

/**
 * Where several checkpoints hold the same weights, the one that came first is the original, and what was made from them was made from it.
 *
 * @param isSameKind - whether two hold them in the same container, under the same names.
 */
export function originateByArrival(
  { edges, trajectories }: { readonly edges: readonly LineageEdge[]; readonly trajectories: readonly ViewTrajectory[] },
  arrival: ReadonlyMap<ManifestId, number>,
  isSameKind: (a: ManifestId, b: ManifestId) => boolean,
): { readonly edges: readonly LineageEdge[]; readonly trajectories: readonly ViewTrajectory[] } {
  const exchanges = exchangesOf(edges, arrival);
  if (exchanges.size === 0) return { edges, trajectories };
  const now = (id: ManifestId): ManifestId => exchanges.get(id) ?? id;
  return {
    edges: edges.map((edge) => {
      const [child, parent] = [now(edge.child), now(edge.parent)];
      if (!isCopy(edge) || (child === edge.child && parent === edge.parent)) return { ...edge, child, parent };
      return { ...edge, child, parent, relation: isSameKind(child, parent) ? 'identical' : 'recontained' };
    }),
    trajectories: trajectories.map((trajectory) => {
      const { forkedFrom } = trajectory;
      return forkedFrom && exchanges.has(forkedFrom.id)
        ? { ...trajectory, forkedFrom: { ...forkedFrom, id: now(forkedFrom.id) } }
        : trajectory;
    }),
  };
}
