import { DisjointSets } from './disjoint-sets.ts';
import type { Distances } from './distances.ts';
import type { Near } from './nearest.ts';

/** An undirected tree: the neighbours of every node with the lengths of the edges. */
export type Tree = readonly (readonly { readonly to: number; readonly length: number }[])[];

interface Edge {
  readonly a: number;
  readonly b: number;
  readonly squared: number;
}

function collectEdges(near: readonly (readonly Near[])[]): readonly Edge[] {
  const edges = near.flatMap((neighbors, a) => neighbors.map(({ index, squared }) => ({ a, b: index, squared })));
  return edges.sort(
    (x, y) => x.squared - y.squared || Math.min(x.a, x.b) - Math.min(y.a, y.b) || x.a - y.a || x.b - y.b,
  );
}

/** The shortest edge between the set that holds node 0 and the rest: exact, for the few sets that neighbour lists leave apart. */
function shortestBridge(sets: DisjointSets, distances: Distances): Edge | undefined {
  const inside: number[] = [];
  const outside: number[] = [];
  for (let i = 0; i < distances.count; i++) (sets.find(i) === 0 ? inside : outside).push(i);
  let best: Edge | undefined;
  for (const a of inside) {
    for (const b of outside) {
      const squared = distances.squared(a, b);
      if (best === undefined || squared < best.squared) best = { a, b, squared };
    }
  }
  return best;
}

/**
 * Builds the minimum spanning tree of a component from the neighbour lists of its members. It is the exact one where the
 * lists hold its edges; sets that they leave apart are bridged by their shortest distance.
 */
export function buildSpanningTree(distances: Distances, near: readonly (readonly Near[])[]): Tree {
  const tree: { to: number; length: number }[][] = near.map(() => []);
  const sets = new DisjointSets(near.length);
  const take = ({ a, b, squared }: Edge) => {
    if (!sets.join(a, b)) return;
    const length = Math.sqrt(squared);
    tree[a]?.push({ to: b, length });
    tree[b]?.push({ to: a, length });
  };
  for (const edge of collectEdges(near)) take(edge);
  for (let bridge = shortestBridge(sets, distances); bridge !== undefined; bridge = shortestBridge(sets, distances)) {
    take(bridge);
  }
  return tree;
}

/** Measures the way along the tree from a root to every node. */
export function measureFrom(tree: Tree, root: number): Float64Array {
  const ways = new Float64Array(tree.length).fill(Number.POSITIVE_INFINITY);
  ways[root] = 0;
  const stack = [root];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    for (const { to, length } of tree[at] ?? []) {
      if (ways[to] !== Number.POSITIVE_INFINITY) continue;
      ways[to] = (ways[at] ?? 0) + length;
      stack.push(to);
    }
  }
  return ways;
}
