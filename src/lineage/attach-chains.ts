import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { rankForkCandidates, stepBackFromSibling, turnAt } from './forks.ts';
import { type Habits, readHabits, surpriseOf } from './habits.ts';
import { turnForward } from './orient-chains.ts';
import { shortenPath } from './shorten-path.ts';

/** Candidates for the parent of a branch: the nearest attached ones to its head. */
const FORK_CANDIDATES = 64;
/** Chains of up to this many checkpoints show no direction of their own. */
const LONGEST_FRAGMENT = 2;
/** Turns that differ by less are alike. */
const TURN_RESOLUTION = 1e-9;

/** A chain and where it hangs; the trunk hangs nowhere. */
export interface Branch {
  readonly chain: Chain;
  readonly parent: number | undefined;
}

interface Setting {
  readonly root: number;
  readonly ways: Float64Array;
  readonly distances: Distances;
  readonly habits: Habits | undefined;
  /** All members of the component, nearest to the head first; kept between rounds. */
  readonly rankings: Map<number, Int32Array>;
  /** Forks that were moved back once: never twice, so that the loop ends. */
  readonly moved: Set<string>;
}

function rankFrom(head: number, setting: Setting): Int32Array {
  const known = setting.rankings.get(head);
  if (known !== undefined) return known;
  const row = setting.distances.row(head);
  const ranking = Int32Array.from(row.keys()).sort((a, b) => (row[a] ?? 0) - (row[b] ?? 0) || a - b);
  setting.rankings.set(head, ranking);
  return ranking;
}

function takeNearest(head: number, isInside: Uint8Array, most: number, setting: Setting): number[] {
  const nearest: number[] = [];
  for (const member of rankFrom(head, setting)) {
    if (isInside[member] !== 1) continue;
    nearest.push(member);
    if (nearest.length === most) break;
  }
  return nearest;
}

/** Which chain holds each member. */
function indexChains(chains: readonly Chain[], count: number): Int32Array {
  const chainOf = new Int32Array(count).fill(-1);
  chains.forEach((chain, i) => {
    for (const member of chain) chainOf[member] = i;
  });
  return chainOf;
}

/** Hangs every chain on those before it, the head nearest to what hangs already first; in the order of hanging. */
function hangChains(chains: readonly Chain[], setting: Setting): ReadonlyMap<number, number> {
  const { distances, root } = setting;
  const chainOf = indexChains(chains, distances.count);
  const isInside = new Uint8Array(distances.count);
  const parents = new Map<number, number>();
  const waiting = new Set(chains.keys());
  let next: number | undefined = chainOf[root] ?? 0;
  while (next !== undefined) {
    const chain: Chain = chains[next] ?? [];
    const head = chain[0] ?? 0;
    if (waiting.size < chains.length) {
      const nearest = takeNearest(head, isInside, FORK_CANDIDATES, setting);
      const [{ candidate: parent } = { candidate: root }] = rankForkCandidates(chain, nearest, distances);
      const trunk = chains[chainOf[parent] ?? -1] ?? [];
      parents.set(next, stepBackFromSibling(head, parent, trunk, distances));
    }
    for (const member of chain) isInside[member] = 1;
    waiting.delete(next);
    next = nearestWaiting(chains, waiting, isInside, setting);
  }
  return parents;
}

function nearestWaiting(
  chains: readonly Chain[],
  waiting: ReadonlySet<number>,
  isInside: Uint8Array,
  setting: Setting,
): number | undefined {
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const i of waiting) {
    const head = chains[i]?.[0] ?? 0;
    const [nearest = head] = takeNearest(head, isInside, 1, setting);
    const squared = setting.distances.squared(head, nearest);
    if (squared >= least) continue;
    least = squared;
    best = i;
  }
  return best;
}

function lengthOf(chain: Chain, distances: Distances): number {
  let sum = 0;
  for (let i = 0; i + 1 < chain.length; i++) sum += distances.length(chain[i] ?? 0, chain[i + 1] ?? 0);
  return sum;
}

/** The chains with `joined` in place of two of them. */
function replaceTwo(chains: readonly Chain[], kept: number, dropped: number, joined: Chain): readonly Chain[] {
  return chains.map((chain, i) => (i === kept ? joined : chain)).filter((_, i) => i !== dropped);
}

function joinInto(host: Chain, guest: Chain, { ways, distances }: Setting): Chain {
  return turnForward(shortenPath([...host, ...guest], distances), ways);
}

type Change = (
  chains: readonly Chain[],
  parents: ReadonlyMap<number, number>,
  setting: Setting,
) => readonly Chain[] | undefined;

/** A chain that hangs on the tail of another one continues it. */
const mergeAtTail: Change = (chains, parents, setting) => {
  const chainOf = indexChains(chains, setting.distances.count);
  for (const [i, parent] of parents) {
    const host = chainOf[parent] ?? i;
    const hostChain = chains[host] ?? [];
    if (host === i || hostChain.at(-1) !== parent) continue;
    return replaceTwo(chains, host, i, joinInto(hostChain, chains[i] ?? [], setting));
  }
  return undefined;
};

/** One or two checkpoints are a branch only where that is the shorter tree. */
const absorbFragment: Change = (chains, parents, setting) => {
  const { distances } = setting;
  const chainOf = indexChains(chains, distances.count);
  const byLength = [...parents].sort(([a], [b]) => (chains[a] ?? []).length - (chains[b] ?? []).length);
  for (const [i, parent] of byLength) {
    const fragment = chains[i] ?? [];
    const host = chainOf[parent] ?? i;
    const hostChain = chains[host] ?? [];
    if (fragment.length > LONGEST_FRAGMENT) continue;
    const joined = joinInto(hostChain, fragment, setting);
    const hung = lengthOf(hostChain, distances) + lengthOf(fragment, distances);
    if (lengthOf(joined, distances) >= hung + distances.length(fragment[0] ?? 0, parent)) continue;
    return replaceTwo(chains, host, i, joined);
  }
  return undefined;
};

/** At a fork, the arm that turns less is the trunk. */
const swapArms: Change = (chains, parents, { distances }) => {
  const chainOf = indexChains(chains, distances.count);
  for (const [i, parent] of parents) {
    const host = chainOf[parent] ?? i;
    const trunk = chains[host] ?? [];
    const branch = chains[i] ?? [];
    const position = trunk.indexOf(parent);
    const before = trunk[position - 1];
    const after = trunk[position + 1];
    const head = branch[0];
    if (before === undefined || after === undefined || head === undefined) continue;
    const saved = turnAt(before, parent, after, distances) - turnAt(before, parent, head, distances);
    if (saved <= TURN_RESOLUTION) continue;
    const swapped = [...trunk.slice(0, position + 1), ...branch];
    return chains.map((chain, k) => (k === host ? swapped : k === i ? trunk.slice(position + 1) : chain));
  }
  return undefined;
};

/**
 * A branch that starts with small steps lies between two checkpoints of its trunk, which then seems to run through the branch's
 * first one. Of the two readings, the one whose steps are more as usual: the trunk through `parent`, or past it.
 */
const moveForkBack: Change = (chains, parents, { distances, habits, moved }) => {
  if (habits === undefined) return undefined;
  const chainOf = indexChains(chains, distances.count);
  for (const [i, parent] of parents) {
    const host = chainOf[parent] ?? i;
    const trunk = chains[host] ?? [];
    const branch = chains[i] ?? [];
    const position = trunk.indexOf(parent);
    const key = `${parent} ${branch[0]}`;
    if (position < 1 || position === trunk.length - 1 || moved.has(key)) continue;
    const upTo = trunk.slice(Math.max(0, position - 2), position);
    const start = trunk[position - 1] ?? parent;
    const arm = trunk.slice(position, position + 3);
    const through = [
      [...upTo, ...arm],
      [parent, ...branch.slice(0, 2)],
    ];
    const past = [
      [...upTo, ...branch.slice(0, 2)],
      [start, ...arm],
    ];
    if (surpriseOf(past, distances, habits) >= surpriseOf(through, distances, habits)) continue;
    moved.add(key);
    const straight = [...trunk.slice(0, position), ...branch];
    return chains.map((chain, k) => (k === host ? straight : k === i ? trunk.slice(position) : chain));
  }
  return undefined;
};

const CHANGES: readonly Change[] = [mergeAtTail, absorbFragment, swapArms, moveForkBack];

/**
 * Hangs the chains of a component on each other until nothing changes (lineage.md, B5): each by its extended start; merged where
 * it hangs on a tail; fragments taken in; arms swapped where the other one goes straighter on.
 *
 * @param ways way from the root along the spanning tree.
 */
export function attachChains(
  oriented: readonly Chain[],
  root: number,
  ways: Float64Array,
  distances: Distances,
): readonly Branch[] {
  const setting: Setting = {
    root,
    ways,
    distances,
    habits: readHabits(oriented, distances),
    rankings: new Map(),
    moved: new Set(),
  };
  let chains = oriented;
  let parents = hangChains(chains, setting);
  for (let round = 20 + 10 * oriented.length; round > 0; round--) {
    let changed: readonly Chain[] | undefined;
    for (const change of CHANGES) changed ??= change(chains, parents, setting);
    if (changed === undefined) break;
    chains = changed;
    parents = hangChains(chains, setting);
  }
  return chains.map((chain, i) => ({ chain, parent: parents.get(i) }));
}
