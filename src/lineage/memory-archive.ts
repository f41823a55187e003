import { invariant } from '../assert.ts';
import { createNeighborIndex } from '../neighbors/create-index.ts';
import type { NeighborIndex } from '../neighbors/neighbor-index.ts';
import type { ManifestId } from '../objects/ids.ts';
import { SKETCH_LENGTH, type Summary } from '../sketch/summary.ts';
import type { AxisGraph } from '../symmetry/axis-graph.ts';
import type { Weights } from '../tensors/weights.ts';
import { createContentIndex } from './contents.ts';
import type { Archive, Member } from './model.ts';
import { sampleEach } from './sample-rows.ts';

/** A checkpoint in memory, with what lineage may ask about it. */
export interface MemoryEntry extends Member {
  readonly weights: Weights;
  readonly graph: AxisGraph;
}

/** Makes an archive over checkpoints in memory: two files that are compared without a repository, tests and benchmarks. */
export function memoryArchive(entries: readonly MemoryEntry[]): Archive {
  let spaces: ReadonlyMap<string, readonly Member[]> | undefined;
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const indexes = new Map<string, NeighborIndex>();
  const entry = (id: ManifestId): MemoryEntry => {
    const found = byId.get(id);
    invariant(found !== undefined, `checkpoint ${id} is a member of the archive`);
    return found;
  };
  const indexOf = (kind: 'centred' | 'invariants', space: string): NeighborIndex => {
    const key = `${kind} ${space}`;
    const index = indexes.get(key) ?? fillIndex(entries, kind, space);
    indexes.set(key, index);
    return index;
  };
  return {
    members: entries,
    member: entry,
    isCopyOfMember: () => false,
    spaces() {
      spaces ??= groupBySpace(entries);
      return spaces;
    },
    contents: createContentIndex(entries),
    trajectory: (name) =>
      entries.filter((other) => other.trajectory === name).sort((a, b) => (a.position ?? 0) - (b.position ?? 0)),
    weights: async (id) => entry(id).weights,
    samples: (ids) => sampleEach(ids, async (id) => entry(id).weights),
    axisGraph: async (id) => entry(id).graph,
    neighbors(kind, query, k) {
      const vector = query[kind];
      if (vector === undefined || !vector.some((x) => x !== 0)) return [];
      const own = entries.find((other) => other.summary === query)?.id;
      const found = indexOf(kind, query.space).search(vector, k + 1);
      return found.filter(({ key }) => key !== own).slice(0, k);
    },
  };
}

function groupBySpace(entries: readonly MemoryEntry[]): ReadonlyMap<string, readonly Member[]> {
  const groups = new Map<string, Member[]>();
  for (const entry of entries) {
    const group = groups.get(entry.summary.space);
    if (group === undefined) groups.set(entry.summary.space, [entry]);
    else group.push(entry);
  }
  return groups;
}

function fillIndex(entries: readonly MemoryEntry[], kind: 'centred' | 'invariants', space: string): NeighborIndex {
  const members = entries.filter(({ summary }) => summary.space === space);
  const index = createNeighborIndex(SKETCH_LENGTH, members.length);
  for (const { id, summary } of members) addVector(index, id, summary, kind);
  return index;
}

function addVector(index: NeighborIndex, id: ManifestId, summary: Summary, kind: 'centred' | 'invariants'): void {
  const vector = summary[kind];
  if (vector?.some((x) => x !== 0)) index.add(id, vector);
}
