import { invariant } from '../assert.ts';
import { type ContentScan, createContentIndex, scanOf } from '../lineage/contents.ts';
import type { Archive, Member } from '../lineage/model.ts';
import type { Neighbor } from '../neighbors/neighbor-index.ts';
import { packRows, searchRows, type VectorRows } from '../neighbors/row-search.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { AxisGraph } from '../symmetry/axis-graph.ts';
import type { WeightSample, Weights } from '../tensors/weights.ts';
import { IdPlaces } from './id-places.ts';
import { indexKey, type NeighborIndexes, type SketchKind, vectorsOf } from './neighbor-indexes.ts';
import type { SearchedIds } from './sketch-search.ts';
import type { SummaryShelf } from './stored-summaries.ts';

/** Where an archive gets what is too big to hold: stored checkpoints, or files that wait to be stored. */
export interface WeightReader {
  weights(id: ManifestId): Promise<Weights>;
  samples(ids: readonly ManifestId[]): Promise<ReadonlyMap<ManifestId, WeightSample>>;
  axisGraph(id: ManifestId): Promise<AxisGraph>;
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

/** A table that is made at the first question: a command that asks one thing makes few of them. */
function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** What an archive may ask instead of the members' own summaries. */
export interface ArchiveHelp {
  /** Has the sketches of stored checkpoints in one piece. */
  readonly shelf?: SummaryShelf;
  /** Approximate indexes, where so many questions are asked that they pay. */
  readonly graphs?: NeighborIndexes;
  /** Which of the members hold the weights of another, and of which. */
  readonly originals?: () => ReadonlyMap<ManifestId, ManifestId>;
}

/** Makes an archive of these members. Members on a trajectory come in the order of their positions. */
export function createArchive(
  members: readonly Member[],
  reader: WeightReader,
  { shelf, graphs, originals }: ArchiveHelp = {},
): Archive {
  const byId = lazily(() => new Map<string, Member>(members.map((member) => [member.id, member])));
  const isShelved = lazily(() => shelf !== undefined && members.every(({ id }) => shelf.has(id)));
  const bySpace = lazily(() =>
    groupBy(members, isShelved() ? ({ id }) => shelf?.spaceOf(id) : ({ summary }) => summary.space),
  );
  const byTrajectory = lazily(() => groupBy(members, (member) => member.trajectory));
  const opened = new Map<string, VectorRows>();
  const searched = new Map<string, SearchedIds>();

  function rowsOf(kind: SketchKind, space: string): VectorRows {
    const key = indexKey(kind, space);
    const known = opened.get(key);
    if (known !== undefined) return known;
    const inSpace = bySpace().get(space) ?? [];
    const ids = inSpace.map(({ id }) => id);
    const isStored = shelf !== undefined && ids.every((id) => shelf.has(id));
    const rows = isStored ? shelf.select(kind, space, ids) : packRows(vectorsOf(inSpace, kind));
    opened.set(key, rows);
    return rows;
  }

  function search(kind: SketchKind, space: string, vector: Float32Array, k: number): readonly Neighbor[] {
    const graph = graphs?.get(indexKey(kind, space));
    if (graph !== undefined) return graph.search(vector, k);
    return searchStored(kind, space, vector, k) ?? searchRows(rowsOf(kind, space), vector, k);
  }

  function idsOf(space: string): SearchedIds {
    const known = searched.get(space);
    if (known !== undefined) return known;
    const ids = (bySpace().get(space) ?? []).map(({ id }) => id);
    const made = { ids, places: new IdPlaces(ids) };
    searched.set(space, made);
    return made;
  }

  /** Stored sketches are read once a question, and not kept. */
  function searchStored(
    kind: SketchKind,
    space: string,
    vector: Float32Array,
    k: number,
  ): readonly Neighbor[] | undefined {
    if (shelf === undefined || opened.has(indexKey(kind, space)) || !isShelved()) return undefined;
    return shelf.findNearest(kind, space, idsOf(space), vector, k);
  }

  /** The same as a look at every member, from the shelf's own table where it has them all. */
  function scanShelf(shelf: SummaryShelf): ContentScan {
    const plain = scanOf(members);
    const place = lazily(() => new Map(members.map(({ id }, i) => [id, i])));
    const inOrder = (ids: readonly ManifestId[]): readonly Member[] => {
      if (ids.length < 2) return ids.flatMap((id) => byId().get(id) ?? []);
      const places = ids.flatMap((id) => place().get(id) ?? []).sort((a, b) => a - b);
      return places.flatMap((i) => members[i] ?? []);
    };
    return {
      findEqual(traits) {
        if (!isShelved()) return plain.findEqual(traits);
        const { withFiles, withWeights } = shelf.findEqual(traits);
        return { withFiles: inOrder(withFiles), withWeights: inOrder(withWeights) };
      },
      findLikely: (prefixes) => (isShelved() ? inOrder(shelf.findHolders(prefixes)) : plain.findLikely(prefixes)),
    };
  }

  const copies = lazily(() => originals?.() ?? new Map<ManifestId, ManifestId>());
  return {
    members,
    isCopyOfMember(id) {
      const original = copies().get(id);
      return original !== undefined && byId().has(original);
    },
    contents: createContentIndex(members, shelf && scanShelf(shelf)),
    spaces: bySpace,
    member(id) {
      const found = byId().get(id);
      invariant(found !== undefined, `checkpoint ${id} is a member of the archive`);
      return found;
    },
    trajectory: (name) => [...(byTrajectory().get(name) ?? [])].sort((a, b) => (a.position ?? 0) - (b.position ?? 0)),
    weights: (id) => reader.weights(id),
    samples: (ids) => reader.samples(ids),
    axisGraph: (id) => reader.axisGraph(id),
    neighbors(kind, query, k): readonly Neighbor[] {
      const vector = query[kind];
      if (!vector?.some((value) => value !== 0)) return [];
      const found = search(kind, query.space, vector, k + 1);
      return found.filter(({ key }) => byId().get(key)?.summary !== query).slice(0, k);
    },
  };
}
