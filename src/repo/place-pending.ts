import { identifyCheckpoint } from '../lineage/identify.ts';
import type { Archive, Identification, LineageEdge, Query } from '../lineage/model.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { EdgeSource } from '../objects/trailers.ts';
import type { Summary } from '../sketch/summary.ts';
import { type LineageView, type PendingMember, readLineageView } from './lineage-view.ts';
import type { Repository } from './repository.ts';
import type { WeightReader } from './repository-archive.ts';

/** Where a checkpoint belongs, and where it comes from. */
export interface Placement {
  readonly id: ManifestId;
  readonly trajectory: string;
  readonly position: number;
  readonly parents: readonly { readonly id: ManifestId; readonly weight: number }[];
  readonly relation: string;
  readonly confidence: number;
  readonly logPValue?: number;
  readonly edge: EdgeSource;
  readonly isNewTrajectory: boolean;
}

/** What users may overrule. */
export interface DeclaredPlace {
  readonly trajectory?: string;
  /** The checkpoint it comes from. */
  readonly parent?: ManifestId;
}

export interface PlacedPending {
  readonly view: LineageView;
  readonly placements: ReadonlyMap<ManifestId, Placement>;
}

/** Relations that say where a checkpoint lies on a run: the view of the whole decides these, not one comparison. */
const ALONG_A_RUN: ReadonlySet<string> = new Set(['next', 'between', 'forked', 'fine-tuned', 'unrelated']);

function strongestEdge(edges: readonly LineageEdge[], child: ManifestId): LineageEdge | undefined {
  return edges.filter((edge) => edge.child === child).sort((a, b) => b.weight - a.weight)[0];
}

/** What the view of all checkpoints says about one of them. */
function placeByView(view: LineageView, id: ManifestId): Placement | undefined {
  const trajectory = view.trajectories.find(({ entries }) => entries.some((entry) => entry.id === id));
  const entry = trajectory?.entries.find((candidate) => candidate.id === id);
  if (trajectory === undefined || entry === undefined) return undefined;
  const edge = strongestEdge(view.edges, id);
  return {
    id,
    trajectory: trajectory.name,
    position: entry.position,
    parents: edge === undefined ? [] : [{ id: edge.parent, weight: 1 }],
    relation: edge?.relation ?? 'unrelated',
    confidence: edge?.confidence ?? trajectory.orderConfidence,
    ...(edge?.logPValue === undefined ? {} : { logPValue: edge.logPValue }),
    edge: 'inferred',
    isNewTrajectory: trajectory.entries.every(({ commit }) => commit === undefined),
  };
}

/** True where the comparison with one stored checkpoint says more than the view of the whole. */
function isAlteration(identification: Identification): boolean {
  return identification.known && identification.relation.split('+').some((word) => !ALONG_A_RUN.has(word));
}

/** Joins what a single comparison found (the kind of change, the parents) with the place that the view gives. */
function refine(placement: Placement, identification: Identification): Placement {
  const evidence = {
    confidence: identification.confidence,
    ...(identification.logPValue === undefined ? {} : { logPValue: identification.logPValue }),
  };
  if (isAlteration(identification)) {
    const { relation, parents } = identification;
    return { ...placement, relation, parents, ...evidence, ...placeOfAlteration(placement, identification) };
  }
  if (identification.known) return { ...placement, ...evidence };
  return placement.parents.length === 0 ? { ...placement, confidence: identification.confidence } : placement;
}

/** An altered copy that the view found no trajectory for lies where its original does. */
function placeOfAlteration(
  placement: Placement,
  { trajectory, position, parents }: Identification,
): Partial<Placement> {
  if (!placement.isNewTrajectory || placement.parents.length > 0) return {};
  if (trajectory === undefined || position === undefined || parents.length !== 1) return {};
  return { trajectory, position, isNewTrajectory: false };
}

function queryOf(id: ManifestId, summary: Summary, reader: WeightReader): Query {
  return { summary, weights: () => reader.weights(id), axisGraph: () => reader.axisGraph(id) };
}

/** An identical checkpoint that is stored already: the same manifest. */
function placeOfCopy(archive: Archive, id: ManifestId): Placement | undefined {
  const member = archive.members.find((candidate) => candidate.id === id);
  if (member?.trajectory === undefined || member.position === undefined) return undefined;
  const { trajectory, position } = member;
  const parents = [{ id, weight: 1 }];
  return {
    id,
    trajectory,
    position,
    parents,
    relation: 'identical',
    confidence: 1,
    edge: 'inferred',
    isNewTrajectory: false,
  };
}

function overrule(placement: Placement, declared: DeclaredPlace, view: LineageView): Placement {
  const trajectory = declared.trajectory ?? trajectoryOf(view, declared.parent) ?? placement.trajectory;
  const target = view.trajectories.find(({ name }) => name === trajectory);
  const committed = target?.entries.filter(({ commit }) => commit !== undefined) ?? [];
  return {
    ...placement,
    trajectory,
    position: (committed.at(-1)?.position ?? -1) + 1,
    ...(declared.parent === undefined ? {} : { parents: [{ id: declared.parent, weight: 1 }] }),
    edge: 'declared',
    isNewTrajectory: committed.length === 0,
  };
}

function trajectoryOf(view: LineageView, id: ManifestId | undefined): string | undefined {
  return view.trajectories.find(({ entries }) => entries.some((entry) => entry.id === id && entry.commit !== undefined))
    ?.name;
}

/**
 * Places checkpoints that wait: a single one by comparison with the stored ones and by the view of all, several by the view.
 *
 * @param reader - reads the weights of stored and waiting checkpoints alike.
 */
export async function placePending(
  repository: Repository,
  pending: readonly PendingMember[],
  reader: WeightReader,
  declared: DeclaredPlace = {},
): Promise<PlacedPending> {
  const before = await readLineageView(repository);
  const fresh = pending.filter(({ id }) => placeOfCopy(before.archive, id) === undefined);
  const view = fresh.length === 0 ? before : await readLineageView(repository, fresh, reader);
  const placements = new Map<ManifestId, Placement>();
  for (const { id, summary } of pending) {
    const copy = placeOfCopy(before.archive, id);
    let placement = copy ?? placeByView(view, id);
    if (placement === undefined) continue;
    if (copy === undefined && fresh.length === 1) {
      placement = refine(placement, await identifyCheckpoint(queryOf(id, summary, reader), before.archive));
    }
    const isOverruled = declared.trajectory !== undefined || declared.parent !== undefined;
    placements.set(id, isOverruled ? overrule(placement, declared, view) : placement);
  }
  return { view, placements };
}
