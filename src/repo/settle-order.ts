import type { CommitId, ManifestId } from '../objects/ids.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import type { ViewEntry, ViewTrajectory } from './view-outline.ts';

/** Why nothing of a trajectory may be given up: which checkpoints are its last is not known. */
export type OrderDoubt = 'order unknown' | 'order not sure' | 'direction unknown' | 'commits disagree';

/** A trajectory as it is to be thinned. */
export interface SettledTrajectory extends ViewTrajectory {
  readonly doubt?: OrderDoubt;
  /** What the user said that the order rests on; absent where it is the one that the view shows. */
  readonly basis?: 'commits' | 'last';
}

/** What the user said of the order where the weights do not tell it. */
export interface SaidOrder {
  /** The last checkpoints of their trajectories. */
  readonly last: ReadonlySet<ManifestId>;
  /** Take the order of the commits. */
  readonly byCommits: boolean;
  readonly recorded: ReadonlyMap<CommitId, RecordedCheckpoint>;
}

/** Below this an order is wrong somewhere more likely than not: the tool itself does not believe it. */
const LIKELY = 0.5;

/** Up to so many places nothing lies between the first and the last, whichever it is. */
const FEW = 2;

/** Pairs of entries that were committed in this order, less those that were committed the other way round. */
function commitVotes(entries: readonly ViewEntry[], recorded: SaidOrder['recorded']): number {
  const rank = new Map([...recorded.keys()].map((commit, index) => [commit, index]));
  const ranks = entries.flatMap(({ commit }) => (commit === undefined ? [] : (rank.get(commit) ?? [])));
  let votes = 0;
  for (const [i, a] of ranks.entries()) for (const b of ranks.slice(i + 1)) votes += Math.sign(b - a);
  return votes;
}

function findDoubt(trajectory: ViewTrajectory, { recorded }: SaidOrder): OrderDoubt | undefined {
  const { entries, isOrdered, orderConfidence, direction } = trajectory;
  if (new Set(entries.map(({ position }) => position)).size <= FEW) return undefined;
  if (!isOrdered) return 'order unknown';
  if (orderConfidence < LIKELY) return 'order not sure';
  if (direction === 'unknown') return 'direction unknown';
  // An import commits in the order that it finds; files that were added one by one say when they came.
  return direction === 'inferred' && commitVotes(entries, recorded) < 0 ? 'commits disagree' : undefined;
}

/** Turned round where what was said to be last stands first. */
function endAt(trajectory: ViewTrajectory, last: ReadonlySet<ManifestId>): ViewTrajectory | undefined {
  const { entries } = trajectory;
  const end = Math.max(...entries.map(({ position }) => position));
  const said = entries.find(({ id, position }) => last.has(id) && (position === 0 || position === end));
  if (said === undefined) return undefined;
  const turn = (entry: ViewEntry): ViewEntry => ({ ...entry, position: end - entry.position });
  return said.position === end ? trajectory : { ...trajectory, entries: [...entries].reverse().map(turn) };
}

/** True where the first commit is an ancestor of the second. */
function isBefore(first: CommitId, second: CommitId, { recorded }: SaidOrder): boolean {
  const seen = new Set<CommitId>();
  const stack = [second];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (id === first) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    stack.push(...(recorded.get(id)?.parents ?? []));
  }
  return false;
}

/** In the order of the commits, when each comes after the one before. */
function orderByCommits(entries: readonly ViewEntry[], said: SaidOrder): readonly ViewEntry[] | undefined {
  const rank = new Map([...said.recorded.keys()].map((commit, index) => [commit, index]));
  const rankOf = ({ commit }: ViewEntry) => (commit === undefined ? undefined : rank.get(commit));
  if (entries.some((entry) => rankOf(entry) === undefined)) return undefined;
  const sorted = [...entries].sort((a, b) => (rankOf(a) ?? 0) - (rankOf(b) ?? 0));
  const isLine = sorted.every(({ commit }, index) => {
    const next = sorted[index + 1]?.commit;
    return commit === undefined || next === undefined || isBefore(commit, next, said);
  });
  return isLine ? sorted.map((entry, position) => ({ ...entry, position })) : undefined;
}

/**
 * Says in which order a trajectory may be thinned: the one that the weights tell, where it is sure, else the one that the user says;
 * where nobody does, why not.
 */
export function settleOrder(trajectory: ViewTrajectory, said: SaidOrder): SettledTrajectory {
  const doubt = findDoubt(trajectory, said);
  if (doubt === undefined) return trajectory;
  const ended = doubt === 'order unknown' ? undefined : endAt(trajectory, said.last);
  if (ended !== undefined) return { ...ended, orderConfidence: 1, direction: 'declared', basis: 'last' };
  const entries = said.byCommits ? orderByCommits(trajectory.entries, said) : undefined;
  if (entries === undefined) return { ...trajectory, doubt };
  return { ...trajectory, entries, isOrdered: true, orderConfidence: 1, direction: 'declared', basis: 'commits' };
}
