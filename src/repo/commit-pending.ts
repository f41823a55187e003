import type { CommitId, ManifestId } from '../objects/ids.ts';
import type { Pointer } from '../objects/pointer.ts';
import type { LineageTrailers } from '../objects/trailers.ts';
import { formatCommitMessage } from '../objects/trailers.ts';
import type { LineageView } from './lineage-view.ts';
import type { Placement } from './place-pending.ts';
import { describePlacement } from './placement-result.ts';
import { type Repository, signatureNow } from './repository.ts';
import type { CommitResult, CommittedCheckpoint, ProgressEvent } from './results.ts';

/** A staged or imported checkpoint: stored, and ready to be committed. */
export interface ReadyCheckpoint {
  readonly path: string;
  readonly pointer: Pointer;
  readonly placement: Placement;
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

/** Ancestors first: by trajectory a fork after what it forks from, within one by position. */
function commitOrder(ready: readonly ReadyCheckpoint[], view: LineageView): readonly ReadyCheckpoint[] {
  const home = new Map(ready.map(({ placement }) => [placement.id, placement.trajectory]));
  const forks = new Map(view.trajectories.map(({ name, forkedFrom }) => [name, forkedFrom?.id]));
  const rank = (trajectory: string, seen: ReadonlySet<string>): number => {
    const from = forks.get(trajectory);
    const parent = from === undefined ? undefined : home.get(from);
    if (parent === undefined || seen.has(parent)) return 0;
    return 1 + rank(parent, new Set([...seen, parent]));
  };
  const keyed = ready.map((one) => ({
    one,
    rank: rank(one.placement.trajectory, new Set([one.placement.trajectory])),
  }));
  const byName = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });
  keyed.sort(
    (a, b) =>
      a.rank - b.rank ||
      byName(a.one.placement.trajectory, b.one.placement.trajectory) ||
      a.one.placement.position - b.one.placement.position,
  );
  return keyed.map(({ one }) => one);
}

function trailersOf({ placement, path }: ReadyCheckpoint, commits: Commits): LineageTrailers {
  const parents = placement.parents.flatMap(({ id, weight }) => {
    const commit = commits.get(id);
    return commit === undefined ? [] : [{ commit, weight }];
  });
  return {
    source: path,
    trajectory: placement.trajectory,
    position: placement.position,
    parents,
    relation: placement.relation,
    confidence: placement.confidence,
    edge: placement.edge,
    ...(placement.logPValue === undefined ? {} : { logPValue: placement.logPValue }),
  };
}

/** The commit that a trajectory's first commit grows from: the fork point, if it has one. */
function forkCommit(view: LineageView, placement: Placement, commits: Commits): CommitId | undefined {
  const trajectory = view.trajectories.find(({ name }) => name === placement.trajectory);
  const from = trajectory?.forkedFrom?.id ?? placement.parents[0]?.id;
  return from === undefined ? undefined : commits.get(from);
}

/** Moves HEAD where it stood on a branch that grew (it follows by itself) or on none; tells which. */
async function settleHead(repository: Repository, grown: readonly string[]): Promise<CommitResult['head']> {
  const head = await repository.history.readHead();
  if (head.kind === 'detached') return { branch: null, moved: false };
  const [first] = grown;
  if (head.commit === undefined && first !== undefined) {
    await repository.history.writeHead({ branch: first });
    return { branch: first, moved: true };
  }
  return { branch: head.branch, moved: grown.includes(head.branch) };
}

/**
 * Writes one commit a checkpoint and moves the branches of their trajectories. The commits become durable together, then the
 * branches move: what an interruption leaves undone can be committed again.
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
  const batch = history.beginCommits();
  for (const checkpoint of commitOrder(ready, view)) {
    yield { phase: 'Committing', done: made.length, total: ready.length, detail: checkpoint.path };
    const { placement, path, pointer } = checkpoint;
    const parent = tips.get(placement.trajectory) ?? forkCommit(view, placement, commits);
    const trailers = trailersOf(checkpoint, commits);
    const commit = await batch.writeCommit({
      parents: parent === undefined ? [] : [parent],
      path,
      pointer,
      message: formatCommitMessage(message ?? `Add ${path}`, trailers),
      author: signatureNow(environment),
    });
    tips.set(placement.trajectory, commit);
    if (!commits.has(placement.id)) commits.set(placement.id, commit);
    made.push({ commit, paths: [path], placement: describePlacement(placement, commits) });
  }
  await batch.commit();
  const grown = [...new Set(made.flatMap(({ placement }) => placement.trajectory ?? []))];
  for (const name of grown) {
    const tip = tips.get(name);
    if (tip !== undefined) await history.updateBranch(name, tip, before.get(name));
  }
  return { commits: made, head: await settleHead(repository, grown) };
}
