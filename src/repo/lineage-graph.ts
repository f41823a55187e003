import type { CommitId, ManifestId } from '../objects/ids.ts';
import { probabilityOf } from './identify-files.ts';
import type { LineageResult } from './lineage-results.ts';
import { type LineageView, readLineageView } from './lineage-view.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import type { Repository } from './repository.ts';
import { resolveRevision } from './revision.ts';

type Edge = LineageResult['edges'][number];

/** True where, as the view sees it, the one comes from the other. */
function descends(id: ManifestId, from: ManifestId, parents: ReadonlyMap<ManifestId, readonly ManifestId[]>): boolean {
  const found = new Set([id]);
  for (const at of found) for (const parent of parents.get(at) ?? []) found.add(parent);
  return found.has(from);
}

/**
 * What users declared; for all others what the view of the whole infers now, which does not depend on the order of arrival; where that names no
 * parent, what was recorded when the checkpoint was committed, unless that is known by now to be the other way round.
 */
function edgesOf(
  view: LineageView,
  commits: ReadonlyMap<CommitId, RecordedCheckpoint>,
): readonly {
  readonly child: ManifestId;
  readonly parent: ManifestId;
  readonly edge: Omit<Edge, 'child' | 'parent'>;
}[] {
  const idOf = new Map<CommitId, ManifestId>(
    [...commits.values()].flatMap(({ commit, checkpoint }) =>
      checkpoint === undefined ? [] : [[commit, checkpoint.pointer.manifest] as const],
    ),
  );
  const parentsNow = new Map<ManifestId, ManifestId[]>();
  for (const { child, parent } of view.edges) parentsNow.set(child, [...(parentsNow.get(child) ?? []), parent]);
  const recorded = [...commits.values()].flatMap(({ checkpoint, trailers }) =>
    (trailers?.parents ?? []).flatMap(({ commit, weight }) => {
      const parent = idOf.get(commit);
      if (checkpoint === undefined || trailers === undefined || parent === undefined) return [];
      const { relation, confidence, logPValue } = trailers;
      const child = checkpoint.pointer.manifest;
      const isDeclared = trailers.edge === 'declared';
      if (child === parent || (!isDeclared && (parentsNow.has(child) || descends(parent, child, parentsNow))))
        return [];
      return [{ child, parent, edge: { relation, confidence, pValue: probabilityOf(logPValue), weight } }];
    }),
  );
  const known = new Set(recorded.map(({ child }) => child));
  const inferred = view.edges
    .filter(({ child }) => !known.has(child))
    .map(({ child, parent, relation, confidence, logPValue, weight }) => ({
      child,
      parent,
      edge: { relation, confidence, pValue: probabilityOf(logPValue), weight },
    }));
  return [...recorded, ...inferred];
}

/** The checkpoint and everything it descends from. */
function ancestry(start: ManifestId, edges: ReturnType<typeof edgesOf>): ReadonlySet<ManifestId> {
  const found = new Set([start]);
  for (const id of found) for (const { child, parent } of edges) if (child === id) found.add(parent);
  return found;
}

/** Reads the graph of descent: of all checkpoints, or of what a revision descends from. Ids in edges are commits. */
export async function readLineageGraph(repository: Repository, revision?: string): Promise<LineageResult> {
  const view = await readLineageView(repository);
  const commits = await view.recorded();
  const edges = edgesOf(view, commits);
  let wanted: ReadonlySet<ManifestId> | undefined;
  if (revision !== undefined) {
    const recorded = commits.get(await resolveRevision(repository, revision));
    wanted = recorded?.checkpoint === undefined ? new Set() : ancestry(recorded.checkpoint.pointer.manifest, edges);
  }
  const members = view.archive.members.filter(({ id }) => wanted === undefined || wanted.has(id));
  const commitOf = new Map(members.map(({ id, commit }) => [id, commit]));
  return {
    nodes: members.map(({ id, commit, source }) => ({ commit: commit ?? null, manifest: id, source })),
    edges: edges.flatMap(({ child, parent, edge }) => {
      const [from, to] = [commitOf.get(parent), commitOf.get(child)];
      return from === undefined || to === undefined ? [] : [{ child: to, parent: from, ...edge }];
    }),
  };
}
