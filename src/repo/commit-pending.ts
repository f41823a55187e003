import type { CommitId, ManifestId } from '../objects/ids.ts';
import type { Pointer } from '../objects/pointer.ts';
import type { LineageTrailers } from '../objects/trailers.ts';
import { formatCommitMessage } from '../objects/trailers.ts';
import type { LineageView } from './lineage-view.ts';
import { settleMoved } from './moved-files.ts';
import type { ProgressEvent } from './operation.ts';
import { describePlacement, NO_PLACEMENT } from './placement-result.ts';
import type { Placement } from './refine-placement.ts';
import { type Repository, signatureNow } from './repository.ts';
import type { CommitResult, CommittedCheckpoint } from './results.ts';

/** A staged or imported checkpoint: stored, and ready to be committed. */
export interface ReadyCheckpoint {
  readonly path: string;
  readonly pointer: Pointer;
  /** Absent for a file without weights: it goes on the current branch. */
  readonly placement: Placement | undefined;
}

/** Commits by checkpoint: those of the history, and those made in this run. */
type Commits = Map<ManifestId, CommitId>;

function committedBefore(view: LineageView): Commits {
  const commits: Commits = new Map();
  for (const { entries } of view.trajectories) {
    for (const { id, commit } of entries) if (commit !== undefined && !commits.has(id)) commits.set(id, commit);
  }
  return commits;
}

/** How many forks lie between a trajectory and the first one of this run that it descends from. */
function forkDepth(trajectory: string, view: LineageView, home: ReadonlyMap<ManifestId, string>): number {
  const forks = new Map(view.trajectories.map(({ name, forkedFrom }) => [name, forkedFrom?.id]));
  const seen = new Set<string>();
  for (let at: string | undefined = trajectory; at !== undefined && !seen.has(at); ) {
    seen.add(at);
    const from = forks.get(at);
    at = from === undefined ? undefined : home.get(from);
  }
  return seen.size;
}

function compareNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** Ancestors first: by trajectory a fork after what it forks from, within one by position; files without weights last. */
function commitOrder(ready: readonly ReadyCheckpoint[], view: LineageView): readonly ReadyCheckpoint[] {
  const placed = ready.flatMap(({ placement }) => placement ?? []);
  const home = new Map(placed.map(({ id, trajectory }) => [id, trajectory]));
  const keyed = ready.map((checkpoint) => {
    const { trajectory, position } = checkpoint.placement ?? { trajectory: '', position: 0 };
    const depth = checkpoint.placement === undefined ? Number.POSITIVE_INFINITY : forkDepth(trajectory, view, home);
    return { checkpoint, trajectory, position, depth };
  });
  keyed.sort(
    (a, b) => compareDepth(a.depth, b.depth) || compareNames(a.trajectory, b.trajectory) || a.position - b.position,
  );
  return parentsFirst(keyed.map(({ checkpoint }) => checkpoint));
}

/** Puts off what was made from others until all of them have come: a mean lies between its parents, a copy beside its original. */
function parentsFirst(ordered: readonly ReadyCheckpoint[]): readonly ReadyCheckpoint[] {
  const idOf = ({ pointer }: ReadyCheckpoint) => pointer.manifest;
  const missing = new Set(ordered.map(idOf));
  const sorted: ReadyCheckpoint[] = [];
  let waiting = [...ordered];
  for (let before = -1; before < sorted.length; ) {
    before = sorted.length;
    const later: ReadyCheckpoint[] = [];
    for (const checkpoint of waiting) {
      const isReady = (checkpoint.placement?.parents ?? []).every(
        ({ id }) => id === idOf(checkpoint) || !missing.has(id),
      );
      if (!isReady) later.push(checkpoint);
      else {
        sorted.push(checkpoint);
        missing.delete(idOf(checkpoint));
      }
    }
    waiting = later;
  }
  return [...sorted, ...waiting];
}

/** A difference would not do: that of two infinities is no number. */
function compareDepth(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function trailersOf(placement: Placement, source: string, commits: Commits): LineageTrailers {
  const parents = placement.parents.flatMap(({ id, weight }) => {
    const commit = commits.get(id);
    return commit === undefined ? [] : [{ commit, weight }];
  });
  const { trajectory, position, relation, confidence, logPValue, edge } = placement;
  return {
    source,
    trajectory,
    position,
    parents,
    relation,
    confidence,
    edge,
    ...(logPValue === undefined ? {} : { logPValue }),
  };
}

/** The commit that a trajectory's first commit grows from: the fork point, if it has one. */
function forkCommit(view: LineageView, placement: Placement | undefined, commits: Commits): CommitId | undefined {
  if (placement === undefined) return undefined;
  const trajectory = view.trajectories.find(({ name }) => name === placement.trajectory);
  const from = trajectory?.forkedFrom?.id ?? placement.parents[0]?.id;
  return from === undefined ? undefined : commits.get(from);
}

/** The branch that files without weights go on: HEAD's. */
async function currentBranch(repository: Repository): Promise<string> {
  const head = await repository.history.readHead();
  return head.kind === 'branch' ? head.branch : 'main';
}

/** Puts a HEAD that stands on no commit on the first branch that is to grow: before it grows, so that HEAD never names what is not there. */
async function leadHead(repository: Repository, grown: readonly string[]): Promise<void> {
  const head = await repository.history.readHead();
  const [first] = grown;
  if (head.kind === 'branch' && head.commit === undefined && first !== undefined) {
    await repository.history.writeHead({ branch: first });
  }
}

/** Tells where HEAD is: it follows its branch by itself. */
async function settleHead(repository: Repository, grown: readonly string[]): Promise<CommitResult['head']> {
  const head = await repository.history.readHead();
  if (head.kind === 'detached') return { branch: null, moved: false };
  return { branch: head.branch, moved: grown.includes(head.branch) };
}

/** True where a tip's tree holds the checkpoint at its path: a commit would change nothing, as after an interruption. */
async function isHeldBy(repository: Repository, tips: Iterable<CommitId>, { path, pointer }: ReadyCheckpoint) {
  for (const tip of tips) {
    const held = await repository.history.findPointer(tip, path);
    if (held === undefined) continue;
    if ((await repository.history.readPointer(held)).manifest === pointer.manifest) return true;
  }
  return false;
}

/** Those that a commit would say something about; a declared place counts on its own branch only. */
async function withoutHeld(
  repository: Repository,
  ready: readonly ReadyCheckpoint[],
  tips: ReadonlyMap<string, CommitId>,
): Promise<readonly ReadyCheckpoint[]> {
  const fresh: ReadyCheckpoint[] = [];
  for (const checkpoint of ready) {
    const { placement } = checkpoint;
    const declared = placement?.edge === 'declared' ? tips.get(placement.trajectory) : undefined;
    const asked = placement?.edge === 'declared' ? (declared === undefined ? [] : [declared]) : tips.values();
    if (!(await isHeldBy(repository, asked, checkpoint))) fresh.push(checkpoint);
  }
  return fresh;
}

/**
 * Writes one commit a checkpoint and moves the branches of their trajectories. The commits become durable together, then the
 * branches move: what an interruption leaves undone can be committed again. What
 * a branch holds already at the same path is passed over.
 */
export async function* commitPending(
  repository: Repository,
  ready: readonly ReadyCheckpoint[],
  view: LineageView,
  message: string | undefined,
): AsyncGenerator<ProgressEvent, CommitResult, void> {
  const { history, environment } = repository;
  const commits = committedBefore(view);
  const before = new Map((await history.listBranches()).map(({ name, commit }) => [name, commit]));
  const tips = new Map(before);
  const made: CommittedCheckpoint[] = [];
  const fallback = await currentBranch(repository);
  const batch = history.beginCommits();
  for (const checkpoint of commitOrder(await withoutHeld(repository, ready, before), view)) {
    yield { phase: 'Committing', done: made.length, total: ready.length, detail: checkpoint.path };
    const { placement, path, pointer } = checkpoint;
    const branch =
      placement?.trajectory ?? [...tips.keys()].find((name) => name === fallback) ?? made[0]?.branch ?? fallback;
    const parent = tips.get(branch) ?? forkCommit(view, placement, commits);
    const text = message ?? `Add ${path}`;
    const commit = await batch.writeCommit({
      parents: parent === undefined ? [] : [parent],
      path,
      pointer,
      message: placement === undefined ? text : formatCommitMessage(text, trailersOf(placement, path, commits)),
      author: signatureNow(environment),
    });
    tips.set(branch, commit);
    if (!commits.has(pointer.manifest)) commits.set(pointer.manifest, commit);
    const described = placement === undefined ? NO_PLACEMENT : describePlacement(placement, commits);
    made.push({ commit, branch, paths: [path], placement: described });
  }
  await batch.commit();
  const grown = [...new Set(made.map(({ branch }) => branch))];
  await leadHead(repository, grown);
  await history.updateBranches(
    grown.flatMap((name) => {
      const commit = tips.get(name);
      return commit === undefined ? [] : [{ name, commit, expected: before.get(name) }];
    }),
  );
  await settleMoved(repository, new Set(ready.map(({ pointer }) => pointer.manifest)));
  return { commits: made, head: await settleHead(repository, grown) };
}
