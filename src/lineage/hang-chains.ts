import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { type ForkOption, weighFork, windowRound } from './fork-evidence.ts';
import { rankForkCandidates, stepBackFromSibling } from './forks.ts';

/** Candidates for the trunk of a branch: the nearest attached ones to its head. */
const FORK_CANDIDATES = 64;
/** What the chains of a component are hung on each other by. */
export interface Setting {
  readonly root: number;
  /** Way from the root along the spanning tree. */
  readonly ways: Float64Array;
  readonly distances: Distances;
  /** All members of the component, nearest to the head first; kept between rounds. */
  readonly rankings: Map<number, Int32Array>;
  /** Readings of two arms that were taken once: never twice, so that the loop ends. */
  readonly dealt: Set<string>;
  /** Chains that were asked whether they are two, by their members. */
  readonly woven: Set<string>;
}

/** Chains, and which checkpoint each of them hangs on, by the chain's index; the trunk hangs nowhere. */
export interface Hung {
  readonly chains: readonly Chain[];
  readonly parents: ReadonlyMap<number, number>;
  /** Which chain holds each member. */
  readonly chainOf: Int32Array;
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
export function indexChains(chains: readonly Chain[], count: number): Int32Array {
  const chainOf = new Int32Array(count).fill(-1);
  chains.forEach((chain, i) => {
    for (const member of chain) chainOf[member] = i;
  });
  return chainOf;
}

/** The way from the root to the end of a chain. */
function pathThrough(last: number, { chains, parents, chainOf }: Hung): Chain {
  let path: Chain = chains[last] ?? [];
  let parent = parents.get(last);
  while (parent !== undefined) {
    const host = chainOf[parent] ?? -1;
    const chain = chains[host] ?? [];
    path = [...chain.slice(0, chain.indexOf(parent) + 1), ...path];
    parent = parents.get(host);
  }
  return path;
}

/** Hangs every chain on those before it, the head nearest to what hangs already first; in the order of hanging. */
export function hangChains(chains: readonly Chain[], setting: Setting): Hung {
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
  return { chains, parents, chainOf };
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

/** Where a chain may hang, on the path that it hangs on; the most probable first. */
export function forkOptions(chain: number, hung: Hung, { distances }: Setting): readonly ForkOption[] {
  const parent = hung.parents.get(chain);
  if (parent === undefined) return [];
  const branch = hung.chains[chain] ?? [];
  const window = windowRound(branch[0] ?? 0, pathThrough(hung.chainOf[parent] ?? -1, hung), distances);
  return weighFork(branch, window, distances);
}
