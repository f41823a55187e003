import { WsvcError } from '../errors.ts';
import type { CommitId, ManifestId } from '../objects/ids.ts';
import type { FrozenEdge, PrunedCheckpoint, PrunedRecord } from '../objects/pruned-record.ts';
import { encodeSummary } from '../sketch/encode-summary.ts';
import type { Summary } from '../sketch/summary.ts';
import { PRUNED_FORMAT_VERSION, raiseFormatVersion } from '../store/layout.ts';
import { measureFreed } from './freed-bytes.ts';
import { freezeTrajectories } from './freeze-trajectories.ts';
import { type LineageView, readLineageView } from './lineage-view.ts';
import type { Operation } from './operation.ts';
import { checkpointsAt, type Recorded, readHolds } from './prune-holds.ts';
import { decideKept, describePolicy, type KeepReason, type PrunePolicy } from './prune-policy.ts';
import { readNeededManifests } from './reachable.ts';
import { type Repository, signatureNow, withLockToChange } from './repository.ts';
import { resolveRevision } from './revision.ts';
import { type OrderDoubt, type SaidOrder, type SettledTrajectory, settleOrder } from './settle-order.ts';
import type { ViewTrajectory } from './view-outline.ts';

export interface PruneOptions extends PrunePolicy {
  /** Trajectories to thin; all of them when absent. */
  readonly trajectories?: readonly string[];
  /** Revisions that are to be kept from now on, and those that need not be any longer. */
  readonly pin?: readonly string[];
  readonly unpin?: readonly string[];
  /** Revisions whose checkpoints are the last of their trajectories, where the weights do not tell which end that is. */
  readonly last?: readonly string[];
  /** Take the order of the commits where the weights do not tell it surely. */
  readonly byCommits?: boolean;
  /** Say what would be done, and do nothing. */
  readonly dryRun?: boolean;
}

/** A checkpoint and what becomes of it. */
export interface PlannedCheckpoint {
  readonly manifest: string;
  readonly commit: string | null;
  readonly source: string;
  readonly position: number;
  /** Why it is kept; null when its content is given up. */
  readonly kept: KeepReason | null;
  readonly bytes: number;
}

/** A trajectory and what becomes of its checkpoints. */
export interface PlannedTrajectory {
  readonly name: string;
  readonly checkpoints: readonly PlannedCheckpoint[];
  /** Why all of it stays: which checkpoints are its last is not known, and nobody said. */
  readonly doubt?: OrderDoubt;
  /** What the order rests on where the user said it. */
  readonly basis?: 'commits' | 'last';
}

export interface PruneResult {
  readonly dryRun: boolean;
  /** In words; null where only pins were changed. */
  readonly policy: string | null;
  readonly trajectories: readonly PlannedTrajectory[];
  readonly kept: number;
  readonly pruned: number;
  /** Of the files of what is given up. */
  readonly rawBytes: number;
  /** What `gc` frees once it is done: at least about so much. */
  readonly freedBytes: number;
  /** Of these in packs younger than an hour, which `gc` takes only with `now`, or in so many milliseconds. */
  readonly young: { readonly bytes: number; readonly waitMs: number };
  /** What the record takes that lineage is known from afterwards. */
  readonly recordBytes: number;
  readonly pins: readonly string[];
}

interface PrunePlan {
  readonly view: LineageView;
  /** In the order that counts. */
  readonly trajectories: readonly SettledTrajectory[];
  readonly recorded: Recorded;
  readonly kept: ReadonlyMap<ManifestId, KeepReason>;
  readonly pruned: ReadonlySet<ManifestId>;
  readonly needed: ReadonlySet<ManifestId>;
}

async function changePins(repository: Repository, { pin = [], unpin = [] }: PruneOptions): Promise<void> {
  const [added, removed]: [CommitId[], CommitId[]] = [[], []];
  for (const revision of pin) added.push(await resolveRevision(repository, revision));
  for (const revision of unpin) removed.push(await resolveRevision(repository, revision));
  for (const commit of added) await repository.history.writePin(commit);
  for (const commit of removed) await repository.history.deletePin(commit);
}

function checkAsked(view: LineageView, asked: readonly string[] | undefined): void {
  const names = new Set(view.trajectories.map(({ name }) => name));
  const unknown = asked?.find((name) => !names.has(name));
  if (unknown === undefined) return;
  throw new WsvcError('not-found', `There is no trajectory ${unknown}.`, {
    suggestions: ['Run "wsvc log --trajectory" to see all of them.'],
  });
}

/** What commits recorded counts beside what the weights say now: a parent that either names is held. */
function recordedEdges(recorded: Recorded): readonly FrozenEdge[] {
  return [...recorded.values()].flatMap(({ checkpoint, trailers }) =>
    (trailers?.parents ?? []).flatMap(({ commit, weight }) => {
      const parent = recorded.get(commit)?.checkpoint?.pointer.manifest;
      if (checkpoint === undefined || trailers === undefined || parent === undefined) return [];
      const { relation, confidence } = trailers;
      return [{ child: checkpoint.pointer.manifest, parent, relation, confidence, weight }];
    }),
  );
}

/** The checkpoints that were said to be the last, each of a trajectory of its own. */
async function readSaidOrder(repository: Repository, recorded: Recorded, options: PruneOptions): Promise<SaidOrder> {
  const commits: CommitId[] = [];
  for (const revision of options.last ?? []) commits.push(await resolveRevision(repository, revision));
  return { last: new Set(checkpointsAt(recorded, commits)), byCommits: options.byCommits ?? false, recorded };
}

/** What was said must be of use: an end of a trajectory that lacked just this. @throws WsvcError `usage` */
function checkSaid(settled: readonly SettledTrajectory[], { last }: SaidOrder): void {
  for (const id of last) {
    const home = settled.find(({ entries }) => entries.some((entry) => entry.id === id));
    if (home === undefined || home.doubt === undefined) continue;
    const why = home.doubt === 'order unknown' ? 'its order is not known' : 'it is at neither end';
    throw new WsvcError('usage', `--last does not say what is the last of ${home.name}: ${why}.`, {
      suggestions: ['See "wsvc log --trajectory"; --by-commits takes the order of the commits.'],
    });
  }
}

async function planPrune(repository: Repository, options: PruneOptions): Promise<PrunePlan> {
  const view = await readLineageView(repository);
  checkAsked(view, options.trajectories);
  const asked = options.trajectories === undefined ? undefined : new Set(options.trajectories);
  const recorded = await view.recorded();
  const holds = await readHolds(repository, recorded, options.dryRun ? (options.pin ?? []) : []);
  const edges = [...view.edges, ...recordedEdges(recorded)];
  const said = await readSaidOrder(repository, recorded, options);
  const trajectories = view.trajectories.map((trajectory) => settleOrder(trajectory, said));
  checkSaid(trajectories, said);
  const kept = decideKept(trajectories, edges, holds, options, asked);
  const needed = await readNeededManifests(repository);
  const pruned = new Set<ManifestId>();
  for (const { entries } of view.trajectories) {
    for (const { id } of entries) if (!kept.has(id) && needed.has(id)) pruned.add(id);
  }
  return { view, trajectories, recorded, kept, pruned, needed };
}

/** What must be kept in writing once the weights are gone: the places and edges of all trajectories that have lost checkpoints, and of their relatives. */
async function recordOf(
  repository: Repository,
  { view, trajectories: settled, pruned }: PrunePlan,
  policy: string,
): Promise<{ readonly record: PrunedRecord; readonly summaries: ReadonlyMap<ManifestId, Summary> }> {
  const before = await repository.pruned.read();
  const pruning = { at: repository.environment.now(), policy };
  const summaries = new Map<ManifestId, Summary>();
  const fresh: PrunedCheckpoint[] = [];
  for (const id of pruned) {
    summaries.set(id, await repository.checkpoints.summary(id));
    const { files } = await repository.checkpoints.manifest(id);
    fresh.push({ id, pruning, files: files.map(({ segments: _segments, ...file }) => file) });
  }
  const isGone = (id: ManifestId) => pruned.has(id) || before.byId.has(id);
  const trajectories = freezeTrajectories(view.trajectories, settled, view.edges, isGone);
  const inside = new Set(trajectories.flatMap(({ members }) => members.map(({ id }) => id)));
  const edges = view.edges.filter(({ child, parent }) => inside.has(child) || inside.has(parent));
  return { record: { checkpoints: [...before.checkpoints, ...fresh], trajectories, edges }, summaries };
}

async function describePlan(
  repository: Repository,
  { view, trajectories: settled, recorded, kept, pruned, needed }: PrunePlan,
  policy: string,
  isDryRun: boolean,
): Promise<PruneResult> {
  const pointers = new Map(
    [...recorded.values()].flatMap(({ checkpoint }) =>
      checkpoint === undefined ? [] : [[checkpoint.pointer.manifest, checkpoint.pointer] as const],
    ),
  );
  const describe = (entry: ViewTrajectory['entries'][number]): PlannedCheckpoint => ({
    manifest: entry.id,
    commit: entry.commit ?? null,
    source: entry.source,
    position: entry.position,
    kept: pruned.has(entry.id) ? null : (kept.get(entry.id) ?? null),
    bytes: pointers.get(entry.id)?.byteLength ?? 0,
  });
  const trajectories = settled.map(({ name, entries, doubt, basis }) => ({
    name,
    checkpoints: entries.filter(({ id }) => !view.isPruned(id)).map(describe),
    ...(doubt === undefined ? {} : { doubt }),
    ...(basis === undefined ? {} : { basis }),
  }));
  const left = new Set([...needed].filter((id) => !pruned.has(id)));
  const freed =
    pruned.size === 0 ? { bytes: 0, youngBytes: 0, waitMs: 0 } : await measureFreed(repository, needed, left, isDryRun);
  let recordBytes = 0;
  for (const id of pruned) recordBytes += encodeSummary(await repository.checkpoints.summary(id)).byteLength;
  return {
    dryRun: isDryRun,
    policy,
    trajectories,
    kept: left.size,
    pruned: pruned.size,
    rawBytes: [...pruned].reduce((sum, id) => sum + (pointers.get(id)?.byteLength ?? 0), 0),
    freedBytes: freed.bytes,
    young: { bytes: freed.youngBytes, waitMs: freed.waitMs },
    recordBytes,
    pins: await repository.history.listPins(),
  };
}

async function* pruneNow(repository: Repository, options: PruneOptions): Operation<PruneResult> {
  const isDryRun = options.dryRun ?? false;
  if (!isDryRun) await changePins(repository, options);
  if (options.keepLast === undefined && options.keepEvery === undefined) {
    const pins = await repository.history.listPins();
    const young = { bytes: 0, waitMs: 0 };
    const nothing = { trajectories: [], kept: 0, pruned: 0, rawBytes: 0, freedBytes: 0, young, recordBytes: 0 };
    return { dryRun: isDryRun, policy: null, ...nothing, pins };
  }
  yield { phase: 'Reading the trajectories', done: 0, total: 1 };
  const plan = await planPrune(repository, options);
  const policy = describePolicy(options);
  const result = await describePlan(repository, plan, policy, isDryRun);
  if (isDryRun || plan.pruned.size === 0) return result;
  const { record, summaries } = await recordOf(repository, plan, policy);
  // An older wsvc would take what is gone for damage: it is kept out first.
  await raiseFormatVersion(repository.directory, PRUNED_FORMAT_VERSION);
  const message = `Prune ${plan.pruned.size} checkpoint${plan.pruned.size === 1 ? '' : 's'}\n\n${policy}`;
  await repository.pruned.write(record, summaries, { message, author: signatureNow(repository.environment) });
  return result;
}

/**
 * Gives up the content of checkpoints that a policy does not keep: commits, places and summaries stay. The first and last of each
 * trajectory, branch tips, tags, pins and what others descend from are always kept. The bytes go with the
 * next `collectGarbage`; until then `undoPrune` brings them back. A dry run writes nothing and takes no lock.
 *
 * @throws WsvcError `not-found` for an unknown trajectory or revision; `locked`.
 */
export function pruneCheckpoints(repository: Repository, options: PruneOptions): Operation<PruneResult> {
  const asked = { purpose: 'wsvc prune', dryRun: options.dryRun };
  return withLockToChange(repository, asked, () => pruneNow(repository, options));
}
