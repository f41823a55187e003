import { DisjointSets } from './disjoint-sets.ts';
import type { Distances } from './distances.ts';
import { hullWeights } from './hull.ts';
import type { Near } from './nearest.ts';

/** Neighbours that a checkpoint is written in terms of. */
export const HULL_NEIGHBORS = 16;
/**
 * A link inside an ideal chain carries 1/2; a chain is cut where two neighbours have less than half of that. Links that pass over them do not count: they
 * tell that both sides belong to one tree, not that one follows the other.
 */
const LEAST_STRENGTH = 0.25;

/** Checkpoints in a row, by their indices within the component. */
export type Chain = readonly number[];

/** The mean hull weight of two checkpoints for each other: 1/2 for neighbours of an ideal chain, 0 for siblings. */
export interface Links {
  strength(a: number, b: number): number;
}

export interface LinkedChains {
  readonly chains: readonly Chain[];
  readonly links: Links;
}

interface Link {
  readonly a: number;
  readonly b: number;
  readonly strength: number;
}

/** Inner products of the neighbours as seen from `self`, from distances alone. */
export function gramFrom(self: number, near: readonly Near[], distances: Distances): Float64Array {
  const count = near.length;
  const gram = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    const a = near[i] ?? { index: self, squared: 0 };
    gram[i * count + i] = a.squared;
    for (let j = 0; j < i; j++) {
      const b = near[j] ?? { index: self, squared: 0 };
      const product = 0.5 * (a.squared + b.squared - distances.squared(a.index, b.index));
      gram[i * count + j] = product;
      gram[j * count + i] = product;
    }
  }
  return gram;
}

/** All pairs with hull weight in either direction, strongest first; ties by distance, then by index. */
function weighLinks(distances: Distances, near: readonly (readonly Near[])[]): readonly Link[] {
  const strengths = new Map<number, number>();
  near.forEach((neighbors, self) => {
    const weights = hullWeights(gramFrom(self, neighbors, distances), neighbors.length);
    neighbors.forEach(({ index }, i) => {
      const weight = weights[i] ?? 0;
      if (weight <= 0) return;
      const key = Math.min(self, index) * near.length + Math.max(self, index);
      strengths.set(key, (strengths.get(key) ?? 0) + weight / 2);
    });
  });
  const links = Array.from(strengths, ([key, strength]) => {
    return { a: Math.floor(key / near.length), b: key % near.length, strength };
  });
  return links.sort(
    (x, y) =>
      y.strength - x.strength || distances.squared(x.a, x.b) - distances.squared(y.a, y.b) || x.a - y.a || x.b - y.b,
  );
}

/** Takes links greedily: at most two a checkpoint, and no cycles. */
function chooseLinks(count: number, links: readonly Link[]): readonly (readonly number[])[] {
  const chosen: number[][] = Array.from({ length: count }, () => []);
  const sets = new DisjointSets(count);
  for (const { a, b } of links) {
    const ofA = chosen[a] ?? [];
    const ofB = chosen[b] ?? [];
    if (ofA.length >= 2 || ofB.length >= 2 || !sets.join(a, b)) continue;
    ofA.push(b);
    ofB.push(a);
  }
  return chosen;
}

function walkFrom(start: number, chosen: readonly (readonly number[])[]): Chain {
  const chain = [start];
  let before = -1;
  for (let at = start; ; ) {
    const next = chosen[at]?.find((other) => other !== before);
    if (next === undefined) return chain;
    chain.push(next);
    before = at;
    at = next;
  }
}

function walkChains(chosen: readonly (readonly number[])[]): readonly Chain[] {
  const seen = new Uint8Array(chosen.length);
  const chains: Chain[] = [];
  chosen.forEach((links, start) => {
    if (links.length >= 2 || seen[start] === 1) return;
    const chain = walkFrom(start, chosen);
    for (const member of chain) seen[member] = 1;
    chains.push(chain);
  });
  return chains;
}

/** Cuts a chain where two checkpoints that follow each other are no neighbours of each other, whatever those round them are. */
function cutWeak(chain: Chain, links: Links): readonly Chain[] {
  const pieces: Chain[] = [];
  let start = 0;
  for (let gap = 0; gap + 1 < chain.length; gap++) {
    if (links.strength(chain[gap] ?? 0, chain[gap + 1] ?? 0) >= LEAST_STRENGTH) continue;
    pieces.push(chain.slice(start, gap + 1));
    start = gap + 1;
  }
  return [...pieces, chain.slice(start)];
}

/**
 * Links the checkpoints of a component into chains by their hull weights (lineage.md, B2).
 *
 * @param near the nearest of each, nearest first, all within the component.
 */
export function linkChains(distances: Distances, near: readonly (readonly Near[])[]): LinkedChains {
  const count = near.length;
  const weighed = weighLinks(distances, near);
  const strengths = new Map(weighed.map(({ a, b, strength }) => [a * count + b, strength]));
  const links: Links = {
    strength: (a, b) => strengths.get(Math.min(a, b) * count + Math.max(a, b)) ?? 0,
  };
  const chains = walkChains(chooseLinks(count, weighed)).flatMap((chain) => cutWeak(chain, links));
  return { chains, links };
}
