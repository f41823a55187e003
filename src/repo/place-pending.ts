import { isAlterationWord } from '../lineage/alteration-words.ts';
import { identifyCheckpoint } from '../lineage/identify.ts';
import type { LineageEdge, Member, Query } from '../lineage/model.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import { recallFinding } from './finding-memo.ts';
import { type LineageView, type PendingMember, readLineageView } from './lineage-view.ts';
import { type Placement, refinePlacement } from './refine-placement.ts';
import type { Repository } from './repository.ts';
import type { WeightReader } from './repository-archive.ts';
import { withLostSummaries } from './stored-summaries.ts';
import type { ViewTrajectory } from './view-outline.ts';

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

/** What placing looks up in a view, for each of perhaps thousands. */
interface ViewIndex {
  readonly view: LineageView;
  /** The first trajectory that a checkpoint lies on. */
  readonly trajectories: ReadonlyMap<ManifestId, ViewTrajectory>;
  /** The edges to the parents of each; what weighs most comes first. */
  readonly edges: ReadonlyMap<ManifestId, readonly LineageEdge[]>;
}

function indexView(view: LineageView): ViewIndex {
  const trajectories = new Map<ManifestId, ViewTrajectory>();
  for (const trajectory of view.trajectories) {
    for (const { id } of trajectory.entries) if (!trajectories.has(id)) trajectories.set(id, trajectory);
  }
  const edges = new Map<ManifestId, LineageEdge[]>();
  for (const edge of view.edges) {
    const known = edges.get(edge.child);
    if (known === undefined) edges.set(edge.child, [edge]);
    else known.push(edge);
  }
  for (const toParents of edges.values()) toParents.sort((a, b) => b.weight - a.weight);
  return { view, trajectories, edges };
}

/** True when a checkpoint that is committed already lies behind this one. */
function hasCommittedAfter(trajectory: ViewTrajectory, position: number): boolean {
  return trajectory.entries.some((entry) => entry.commit !== undefined && entry.position > position);
}

/** The step before this one on its trajectory, where the view names no parent because the direction is unknown. */
function predecessor({ edges }: ViewIndex, trajectory: ViewTrajectory, position: number): ManifestId | undefined {
  const isStep = (id: ManifestId) => !edges.get(id)?.some(({ relation }) => isAlterationWord(relation));
  return trajectory.entries.findLast((entry) => entry.position < position && isStep(entry.id))?.id;
}

/** A place on a run whose direction the weights do not give: after what came before. */
function followPredecessor(
  index: ViewIndex,
  trajectory: ViewTrajectory,
  position: number,
): Pick<Placement, 'parents' | 'relation'> {
  const before = predecessor(index, trajectory, position);
  return before === undefined
    ? { parents: [], relation: 'unrelated' }
    : { parents: [{ id: before, weight: 1 }], relation: 'next' };
}

/** What the view of all checkpoints says about one of them. */
function placeByView(index: ViewIndex, id: ManifestId): Placement | undefined {
  const { trajectories, edges } = index;
  const trajectory = trajectories.get(id);
  const entry = trajectory?.entries.find((candidate) => candidate.id === id);
  if (trajectory === undefined || entry === undefined) return undefined;
  const { position } = entry;
  const found = edges.get(id) ?? [];
  const [edge] = found;
  const { parents, relation } =
    edge === undefined
      ? followPredecessor(index, trajectory, position)
      : { parents: found.map(({ parent, weight }) => ({ id: parent, weight })), relation: edge.relation };
  return {
    id,
    trajectory: trajectory.name,
    position,
    parents,
    relation: relation === 'next' && hasCommittedAfter(trajectory, position) ? 'between' : relation,
    confidence: edge?.confidence ?? trajectory.orderConfidence,
    ...(edge?.logPValue === undefined ? {} : { logPValue: edge.logPValue }),
    edge: 'inferred',
    isNewTrajectory: trajectory.entries.every(({ commit }) => commit === undefined),
  };
}

function queryOf(id: ManifestId, summary: Summary, reader: WeightReader): Query {
  return { summary, weights: () => reader.weights(id), axisGraph: () => reader.axisGraph(id) };
}

/** An identical checkpoint that is stored already: the same manifest. */
function placeOfCopy(members: ReadonlyMap<ManifestId, Member>, id: ManifestId): Placement | undefined {
  const member = members.get(id);
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
 * Files without weights get no placement.
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
  const stored = new Map(before.archive.members.map((member) => [member.id, member]));
  const fresh = pending.filter(({ id, summary }) => summary.parameters > 0 && placeOfCopy(stored, id) === undefined);
  const view = fresh.length === 0 ? before : await readLineageView(repository, fresh, reader);
  const index = indexView(view);
  const placements = new Map<ManifestId, Placement>();
  for (const { id, summary } of pending.filter((one) => one.summary.parameters > 0)) {
    const copy = placeOfCopy(stored, id);
    let placement = copy ?? placeByView(index, id);
    if (placement === undefined) continue;
    if (copy === undefined && fresh.length === 1) {
      const query = queryOf(id, summary, reader);
      const identify = () => identifyCheckpoint(query, before.readable);
      const find = () => withLostSummaries(repository.checkpoints, identify);
      placement = refinePlacement(placement, await recallFinding(repository, id, find));
    }
    const isOverruled = declared.trajectory !== undefined || declared.parent !== undefined;
    placements.set(id, isOverruled ? overrule(placement, declared, view) : placement);
  }
  return { view, placements };
}
