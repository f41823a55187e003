import { createNeighborIndex } from '../neighbors/create-index.ts';
import type { NeighborIndex } from '../neighbors/neighbor-index.ts';
import type { ManifestId } from '../objects/ids.ts';
import { SKETCH_LENGTH } from '../sketch/summary.ts';
import { createContentIndex } from './contents.ts';
import type { Archive, Forest, Member } from './model.ts';

type Kind = 'centred' | 'invariants';

/** The members with the places that a forest gives them; those that it does not hold have none. */
function placeMembers(members: readonly Member[], { trajectories }: Forest): readonly Member[] {
  const places = new Map<ManifestId, Pick<Member, 'trajectory' | 'position'>>();
  for (const [index, trajectory] of trajectories.entries()) {
    for (const { id, position } of trajectory.members) places.set(id, { trajectory: String(index), position });
  }
  return members.map(({ id, summary, source }) => ({ id, summary, source, ...places.get(id) }));
}

function fillIndex(members: readonly Member[], kind: Kind): NeighborIndex {
  const index = createNeighborIndex(SKETCH_LENGTH, members.length);
  for (const { id, summary } of members) {
    const vector = summary[kind];
    if (vector?.some((x) => x !== 0)) index.add(id, vector);
  }
  return index;
}

/**
 * Some members of an archive, all of one space, as if they alone were stored and a forest had placed them. Trajectories are named by
 * their number in it.
 */
export function placedArchive(archive: Archive, own: readonly Member[], forest: Forest): Archive {
  const members = placeMembers(own, forest);
  const byId = new Map(members.map((member) => [member.id, member]));
  const runs = new Map<string, Member[]>();
  for (const member of members) {
    if (member.trajectory === undefined) continue;
    const run = runs.get(member.trajectory);
    if (run === undefined) runs.set(member.trajectory, [member]);
    else run.push(member);
  }
  for (const run of runs.values()) run.sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  const indexes = new Map<Kind, NeighborIndex>();
  return {
    members,
    spaces: () => new Map(members.slice(0, 1).map(({ summary }) => [summary.space, members])),
    member: (id) => byId.get(id) ?? archive.member(id),
    isCopyOfMember: () => false,
    contents: createContentIndex(members),
    trajectory: (name) => runs.get(name) ?? [],
    weights: (id) => archive.weights(id),
    samples: (ids) => archive.samples(ids),
    axisGraph: (id) => archive.axisGraph(id),
    neighbors(kind, query, k) {
      const vector = query[kind];
      if (vector === undefined || !vector.some((x) => x !== 0)) return [];
      const index = indexes.get(kind) ?? fillIndex(members, kind);
      indexes.set(kind, index);
      const found = index.search(vector, k + 1);
      return found.filter(({ key }) => byId.get(key as ManifestId)?.summary !== query).slice(0, k);
    },
  };
}
