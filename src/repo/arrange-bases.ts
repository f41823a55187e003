import { meanOfChain } from '../store/chain-mean.ts';

/** Something that another may be coded against, and what that takes. */
export interface ArrangeEdge {
  readonly base: number;
  readonly cost: number;
}

/** Things of one kind that may be coded against each other. */
export interface ArrangeProblem {
  /** What each takes without a base. */
  readonly alone: readonly number[];
  /** What each may be coded against. */
  readonly edges: readonly (readonly ArrangeEdge[])[];
  /** The longest chain. */
  readonly depth: number;
}

/** Stands for "no base". */
export const NO_BASE = -1;

/** Rounds over all: it has come to rest after a few. */
const MAX_ROUNDS = 12;

/** Less is what rounding makes of nothing. */
const LEAST_SAVED = 1e-9;

/** A problem, with what each takes by its base. */
interface IndexedProblem extends ArrangeProblem {
  readonly costs: readonly ReadonlyMap<number, number>[];
}

/** Of several edges to one base the first counts. */
function indexCosts(problem: ArrangeProblem): IndexedProblem {
  const costs = problem.edges.map((list) => new Map(list.toReversed().map(({ base, cost }) => [base, cost])));
  return { ...problem, costs };
}

/** Which is coded against which, so far. */
class Arrangement {
  readonly #problem: IndexedProblem;
  readonly #bases: number[];
  /** What each takes now. */
  readonly #costs: number[];
  /** Longest chains of those coded against each; computed when they are asked for after a change. */
  #heights: Uint32Array | undefined;

  constructor(problem: IndexedProblem, bases: readonly number[]) {
    this.#problem = problem;
    this.#bases = [...bases];
    this.#costs = bases.map((base, node) => this.#costWith(node, base));
  }

  get cost(): number {
    return this.#costs.reduce((sum, cost) => sum + cost, 0);
  }

  get bases(): readonly number[] {
    return this.#bases;
  }

  #costWith(node: number, base: number): number {
    if (base === NO_BASE) return this.#problem.alone[node] ?? 0;
    return this.#problem.costs[node]?.get(base) ?? Number.POSITIVE_INFINITY;
  }

  #costOf(node: number): number {
    return this.#costs[node] ?? 0;
  }

  #depthOf(node: number): number {
    let depth = 0;
    for (let at = this.#bases[node] ?? NO_BASE; at !== NO_BASE; at = this.#bases[at] ?? NO_BASE) depth++;
    return depth;
  }

  #isBelow(node: number, ancestor: number): boolean {
    for (let at = node; at !== NO_BASE; at = this.#bases[at] ?? NO_BASE) if (at === ancestor) return true;
    return false;
  }

  #measureHeights(): Uint32Array {
    const heights = new Uint32Array(this.#bases.length);
    for (let node = 0; node < heights.length; node++) {
      let height = 0;
      for (let at = this.#bases[node] ?? NO_BASE; at !== NO_BASE; at = this.#bases[at] ?? NO_BASE) {
        height++;
        heights[at] = Math.max(heights[at] ?? 0, height);
      }
    }
    return heights;
  }

  #heightOf(node: number): number {
    this.#heights ??= this.#measureHeights();
    return this.#heights[node] ?? 0;
  }

  #mayHave(node: number, base: number, height: number): boolean {
    if (base === NO_BASE) return height <= this.#problem.depth;
    return !this.#isBelow(base, node) && this.#depthOf(base) + 1 + height <= this.#problem.depth;
  }

  /** Whether all could be better off together if no chain were too long. */
  #maySave(saved: number, users: readonly ArrangeEdge[]): boolean {
    let most = saved;
    for (const { base: user, cost } of users) most += Math.max(0, this.#costOf(user) - cost);
    return most > LEAST_SAVED;
  }

  #put(node: number, base: number): void {
    this.#bases[node] = base;
    this.#costs[node] = this.#costWith(node, base);
  }

  /** Makes `hub` stand on `base`, and all that are better off with it stand on `hub`; keeps that only where it saves. */
  tryHub(hub: number, base: number, users: readonly ArrangeEdge[]): boolean {
    // What stands on the hub may have to be found another place first.
    if (!this.#mayHave(hub, base, this.#heightOf(hub))) return false;
    let saved = this.#costOf(hub) - this.#costWith(hub, base);
    if (!this.#maySave(saved, users)) return false;
    const before: [node: number, base: number][] = [[hub, this.#bases[hub] ?? NO_BASE]];
    this.#put(hub, base);
    const heights = this.#measureHeights();
    for (const { base: user, cost } of users) {
      const gain = this.#costOf(user) - cost;
      if (gain <= 0 || !this.#mayHave(user, hub, heights[user] ?? 0)) continue;
      before.push([user, this.#bases[user] ?? NO_BASE]);
      this.#put(user, hub);
      saved += gain;
    }
    if (saved > LEAST_SAVED) {
      this.#heights = undefined;
      return true;
    }
    for (const [node, old] of before) this.#put(node, old);
    return false;
  }
}

/** For each, who may be coded against it. */
function usersOf({ edges }: ArrangeProblem): readonly (readonly ArrangeEdge[])[] {
  const users: ArrangeEdge[][] = edges.map(() => []);
  edges.forEach((list, user) => {
    for (const { base, cost } of list) users[base]?.push({ base: user, cost });
  });
  return users.map((list) => list.sort((a, b) => a.cost - b.cost || a.base - b.base));
}

/** Chains in the order of the nodes, each gone on with from where the next steps take least on average: as when they are added in that order. */
function startInOrder({ alone, edges, depth: most }: ArrangeProblem): readonly number[] {
  const bases: number[] = [];
  const depths: number[] = [];
  for (const [node, whole] of alone.entries()) {
    const earlier = (edges[node] ?? []).filter(({ base }) => base < node);
    const next = Math.min(whole, ...earlier.map(({ cost }) => cost));
    let best = { base: NO_BASE, mean: meanOfChain(whole, most, next) };
    for (const { base, cost } of earlier) {
      const further = most - (depths[base] ?? 0) - 1;
      const mean = meanOfChain(cost, further, next);
      if (further >= 0 && mean < best.mean) best = { base, mean };
    }
    bases.push(best.base);
    depths.push(best.base === NO_BASE ? 0 : (depths[best.base] ?? 0) + 1);
  }
  return bases;
}

/** All that is smaller with it against one, for which they take least. */
function startAtOne({ alone }: ArrangeProblem, users: readonly (readonly ArrangeEdge[])[]): readonly number[] {
  const smaller = users.map((list) => list.filter(({ base, cost }) => cost < (alone[base] ?? 0)));
  const saved = smaller.map((list) => list.reduce((sum, { base, cost }) => sum + (alone[base] ?? 0) - cost, 0));
  const hub = saved.indexOf(Math.max(...saved));
  const served = new Set(smaller[hub]?.map(({ base }) => base));
  return alone.map((_, node) => (served.has(node) ? hub : NO_BASE));
}

/**
 * Says what each is coded against so that all take little together and no chain is too long: a tree of bounded depth, found by trying
 * for each, on each base and alone, whether others are better off with it, until nothing changes; begun with nothing, with all
 * against one, and with chains in the order of the nodes. Not always the best; the same for the same input.
 *
 * @returns for each its base, or {@link NO_BASE}.
 */
export function arrangeBases(problem: ArrangeProblem): readonly number[] {
  const users = usersOf(problem);
  const starts = [problem.alone.map(() => NO_BASE), startAtOne(problem, users), startInOrder(problem)];
  const indexed = indexCosts(problem);
  const settled = starts.map((start) => settle(new Arrangement(indexed, start), problem, users));
  return settled.reduce((best, one) => (one.cost < best.cost ? one : best)).bases;
}

function settle(
  arrangement: Arrangement,
  { alone, edges }: ArrangeProblem,
  users: readonly (readonly ArrangeEdge[])[],
): Arrangement {
  for (let round = 0, isChanged = true; isChanged && round < MAX_ROUNDS; round++) {
    isChanged = false;
    for (let node = 0; node < alone.length; node++) {
      const places = [NO_BASE, ...(edges[node] ?? []).map(({ base }) => base)];
      for (const base of places) if (arrangement.tryHub(node, base, users[node] ?? [])) isChanged = true;
    }
  }
  return arrangement;
}
