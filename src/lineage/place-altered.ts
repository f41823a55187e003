import type { ManifestId } from '../objects/ids.ts';
import type { Altered } from './find-altered.ts';
import { copyEdges, joinForests, loneTrajectory, membersAt } from './forest.ts';
import type { Forest, LineageEdge, RecoveredTrajectory } from './model.ts';
import { joinWords, type RelationWord } from './relation.ts';

interface Place {
  readonly trajectory: number;
  readonly position: number;
}

function placesOf({ trajectories }: Forest): Map<ManifestId, Place> {
  const places = new Map<ManifestId, Place>();
  trajectories.forEach(({ members }, trajectory) => {
    for (const { id, position } of members) places.set(id, { trajectory, position });
  });
  return places;
}

/** Where its parents are: of one run, at their mean; of several, beside the heaviest. */
function placeByParents({ parents }: Altered, places: ReadonlyMap<ManifestId, Place>): Place | undefined {
  const found = parents.flatMap(({ id, weight }) => {
    const place = places.get(id);
    return place === undefined ? [] : [{ ...place, weight }];
  });
  if (found.length < parents.length) return undefined;
  const [heaviest] = [...found].sort((a, b) => b.weight - a.weight);
  if (heaviest === undefined || found.some(({ trajectory }) => trajectory !== heaviest.trajectory)) return heaviest;
  const total = found.reduce((sum, { weight }) => sum + weight, 0);
  return { ...heaviest, position: found.reduce((sum, { position, weight }) => sum + position * weight, 0) / total };
}

/** The places of all, those first whose parents have one. */
function settle(altered: readonly Altered[], places: Map<ManifestId, Place>): ReadonlyMap<Altered, Place> {
  const settled = new Map<Altered, Place>();
  for (let before = -1; before < settled.size; ) {
    before = settled.size;
    for (const one of altered) {
      const place = settled.has(one) ? undefined : (one.place ?? placeByParents(one, places));
      if (place === undefined) continue;
      settled.set(one, place);
      places.set(one.node.original.id, place);
    }
  }
  return settled;
}

/** A mixture of checkpoints of one run is an average. */
function wordFor({ relation, parents }: Altered, places: ReadonlyMap<ManifestId, Place>): string {
  const runs = new Set(parents.map(({ id }) => places.get(id)?.trajectory));
  if (parents.length < 2 || runs.size > 1 || parents.some(({ weight }) => weight < 0)) return relation;
  return joinWords(relation.split('+').map((word) => (word === 'merged' ? 'averaged' : word) as RelationWord));
}

function edgesTo(one: Altered, places: ReadonlyMap<ManifestId, Place>): readonly LineageEdge[] {
  const { node, parents, confidence, logPValue } = one;
  const evidence = logPValue === undefined ? {} : { logPValue };
  const child = node.original.id;
  const relation = wordFor(one, places);
  return parents.map(({ id, weight }) => ({ child, parent: id, relation, confidence, ...evidence, weight }));
}

/** Adds altered checkpoints to the forest of the others: each stands beside what it was made from, and is no step of the trajectory. */
export function placeAltered(forest: Forest, altered: readonly Altered[]): Forest {
  const places = placesOf(forest);
  const settled = settle(altered, places);
  const trajectories = forest.trajectories.map((trajectory, index): RecoveredTrajectory => {
    const beside = [...settled].filter(([, place]) => place.trajectory === index);
    if (beside.length === 0) return trajectory;
    const added = beside.flatMap(([{ node }, { position }]) => membersAt(node, position));
    return { ...trajectory, members: [...trajectory.members, ...added].sort((a, b) => a.position - b.position) };
  });
  const edges = altered.flatMap((one) => [...edgesTo(one, places), ...copyEdges(one.node)]);
  const lost = altered.filter((one) => !settled.has(one)).map(({ node }) => ({ ...loneTrajectory(node), edges: [] }));
  return joinForests([{ trajectories, edges: [...forest.edges, ...edges] }, ...lost]);
}
