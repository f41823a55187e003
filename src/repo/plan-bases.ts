import type { ManifestId } from '../objects/ids.ts';
import type { Manifest } from '../objects/manifest.ts';
import { MAX_CHAIN_DEPTH, MAX_RESTORE_FACTOR, MAX_RESTORE_WORK } from '../store/restore-work.ts';
import { type ArrangeEdge, arrangeBases, NO_BASE } from './arrange-bases.ts';
import { type LineageView, readLineageView } from './lineage-view.ts';
import { BaseCosts } from './measure-bases.ts';
import type { Repository } from './repository.ts';

/** Each checkpoint of a run is joined with all within so many places, farther ones only at powers of two: a judgement, as chains are at most 8 long. */
const NEAR = 48;
/** Up to so many places apart every pair is measured; beyond, those at powers of two, and what lies between is read off them. */
const ALL_MEASURED = 8;
/** A copy in another type is coded as one where that takes less than this share of what the nearest of its own kind would: a judgement, as nothing may go on from it. */
const COPY_SHARE = 0.5;

/** What each checkpoint is best coded against, by what all of them show. */
export interface BasePlan {
  /** Checkpoints that no other of the plan serves are left out. */
  readonly bases: ReadonlyMap<ManifestId, ManifestId>;
  /** Share of its bytes that each takes in this plan, about. */
  readonly shares: ReadonlyMap<ManifestId, number>;
}

/** Checkpoints whose tensors have the same names, types and shapes are of one kind: any of them may be the base of any other. */
const kindOf = ({ tensors }: Manifest): string =>
  JSON.stringify(tensors.map(({ name, dtype, shape }) => [name, dtype, shape]));

/** The checkpoints of one kind, and which of them follow each other on a run. */
class Family {
  readonly ids: ManifestId[] = [];
  readonly #places = new Map<ManifestId, number>();
  readonly #edges = new Map<number, Map<number, number>>();

  has(id: ManifestId): boolean {
    return this.#places.has(id);
  }

  add(id: ManifestId): number {
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    this.ids.push(id);
    this.#places.set(id, this.ids.length - 1);
    return this.ids.length - 1;
  }

  join(a: ManifestId, b: ManifestId, cost: number): void {
    const [one, two] = [this.add(a), this.add(b)];
    if (one === two) return;
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      const edges = this.#edges.get(from) ?? new Map<number, number>();
      edges.set(to, Math.min(cost, edges.get(to) ?? Number.POSITIVE_INFINITY));
      this.#edges.set(from, edges);
    }
  }

  edgesOf(node: number): readonly ArrangeEdge[] {
    return [...(this.#edges.get(node) ?? [])]
      .map(([base, cost]) => ({ base, cost }))
      .sort((a, b) => a.cost - b.cost || a.base - b.base);
  }
}

/** Joins the checkpoints of a run with those that come after them. */
async function joinRun(family: Family, run: readonly ManifestId[], costs: BaseCosts): Promise<void> {
  for (const id of run) family.add(id);
  for (const [place, id] of run.entries()) {
    let last = { offset: 1, cost: 1, growth: 0 };
    for (let offset = 1; place + offset < run.length; offset++) {
      const other = run[place + offset];
      const isPower = (offset & (offset - 1)) === 0;
      if (other === undefined || (offset > NEAR && !isPower)) continue;
      if (offset > ALL_MEASURED && !isPower) {
        // Costs grow as a power of the distance: as between the last two that were measured.
        family.join(id, other, last.cost * (offset / last.offset) ** last.growth);
        continue;
      }
      const cost = await costs.between(id, other);
      const growth = offset > 1 ? Math.log(cost / last.cost) / Math.log(offset / last.offset) : 0;
      last = { offset, cost, growth: Number.isFinite(growth) ? Math.max(0, growth) : 0 };
      family.join(id, other, cost);
    }
  }
}

/** Joins the beginning of a fork with what it was forked from, and what stands beside that. */
async function joinFork(family: Family, fork: readonly ManifestId[], trunk: readonly ManifestId[], costs: BaseCosts) {
  for (let place = 0; place < fork.length; place = 2 * place + 1) {
    for (const base of trunk) {
      const id = fork[place];
      if (id !== undefined && family.has(base)) family.join(id, base, await costs.between(id, base));
    }
  }
}

/** A point of a run and the two beside it. */
function around(run: readonly ManifestId[], id: ManifestId): readonly ManifestId[] {
  const place = run.indexOf(id);
  return place < 0 ? [id] : run.slice(Math.max(0, place - 1), place + 2);
}

/** How many differences one after the other find room below a checkpoint. */
function roomIn({ blobs }: Repository, alone: number, next: number): number {
  const { work } = blobs.coder;
  const byBytes = Math.floor(((MAX_RESTORE_FACTOR - 1) * alone) / Math.max(next, 1e-6));
  const bytes = 1 << 20;
  // For f32 and bf16 it is the same.
  const byWork =
    work === undefined
      ? MAX_CHAIN_DEPTH
      : Math.floor(((MAX_RESTORE_WORK - 1) * work.alone('f32', bytes)) / work.delta('f32', bytes));
  return Math.max(1, Math.min(MAX_CHAIN_DEPTH, byBytes, byWork));
}

/** Plans one family: adds to the plan. */
async function planFamily(
  repository: Repository,
  family: Family,
  parents: ReadonlyMap<ManifestId, ManifestId>,
  costs: BaseCosts,
  plan: { readonly bases: Map<ManifestId, ManifestId>; readonly shares: Map<ManifestId, number> },
): Promise<void> {
  const { ids } = family;
  const alone: number[] = [];
  const copies = new Map<number, ManifestId>();
  for (const [node, id] of ids.entries()) {
    const nearest = family.edgesOf(node)[0]?.cost ?? 1;
    const parent = parents.get(id);
    const copied = parent === undefined || family.has(parent) ? 1 : await costs.against(id, parent);
    const isCopy = parent !== undefined && copied < COPY_SHARE * nearest;
    if (isCopy) copies.set(node, parent);
    alone.push(isCopy ? copied : await costs.alone(id));
  }
  // What is a copy of another kind stands above that kind's bounds: nothing goes on from it.
  const edges = ids.map((_, node) =>
    copies.has(node) ? [] : family.edgesOf(node).filter(({ base }) => !copies.has(base)),
  );
  const nearest = edges.flatMap((list) => list[0]?.cost ?? []).sort((a, b) => a - b);
  const depth = roomIn(repository, Math.max(...alone), nearest[nearest.length >> 1] ?? 1);
  for (const [node, base] of arrangeBases({ alone, edges, depth }).entries()) {
    const id = ids[node];
    if (id === undefined) continue;
    const chosen = base === NO_BASE ? copies.get(node) : ids[base];
    if (chosen !== undefined) plan.bases.set(id, chosen);
    const share = base === NO_BASE ? alone[node] : edges[node]?.find((edge) => edge.base === base)?.cost;
    plan.shares.set(id, share ?? 1);
  }
}

/** Families of the checkpoints, joined along their runs and forks. */
async function readFamilies(
  repository: Repository,
  { trajectories }: LineageView,
  manifests: ReadonlySet<ManifestId>,
  costs: BaseCosts,
): Promise<ReadonlyMap<string, Family>> {
  const kinds = new Map<ManifestId, string>();
  const families = new Map<string, Family>();
  for (const id of manifests) {
    const kind = kindOf(await repository.checkpoints.manifest(id));
    kinds.set(id, kind);
    const family = families.get(kind) ?? new Family();
    families.set(kind, family);
  }
  const runOf = new Map<ManifestId, readonly ManifestId[]>();
  for (const [kind, family] of families) {
    for (const { entries, forkedFrom } of trajectories) {
      const run = [...new Set(entries.map(({ id }) => id))].filter((id) => kinds.get(id) === kind);
      for (const id of run) if (!runOf.has(id)) runOf.set(id, run);
      await joinRun(family, run, costs);
      if (forkedFrom !== undefined)
        await joinFork(family, run, around(runOf.get(forkedFrom.id) ?? [], forkedFrom.id), costs);
    }
    for (const [id, own] of kinds) if (own === kind) family.add(id);
  }
  return families;
}

/** What each checkpoint came from, where the view says so. */
function parentsOf({ edges, isPruned }: LineageView): ReadonlyMap<ManifestId, ManifestId> {
  const parents = new Map<ManifestId, ManifestId>();
  for (const { child, parent } of [...edges].sort((a, b) => b.weight - a.weight))
    if (!parents.has(child) && child !== parent && !isPruned(parent)) parents.set(child, parent);
  return parents;
}

/** Plans what the checkpoints are best coded against, each kind by itself: over whole runs, in both directions, and across forks. */
export async function planBases(repository: Repository, manifests: ReadonlySet<ManifestId>): Promise<BasePlan> {
  const view = await readLineageView(repository);
  const costs = new BaseCosts(repository);
  const parents = parentsOf(view);
  const plan = { bases: new Map<ManifestId, ManifestId>(), shares: new Map<ManifestId, number>() };
  for (const family of (await readFamilies(repository, view, manifests, costs)).values()) {
    for (const id of family.ids) {
      const parent = parents.get(id);
      if (parent !== undefined && family.has(parent)) family.join(id, parent, await costs.between(id, parent));
    }
    await planFamily(repository, family, parents, costs, plan);
  }
  return plan;
}
