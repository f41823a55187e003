import { attachChains, type Branch } from './attach-chains.ts';
import { type Chain, HULL_NEIGHBORS, linkChains } from './chains.ts';
import { type Features, findRoot, kendallTau, type Root, voteOnTraining } from './direction.ts';
import { createDistances, type Distances } from './distances.ts';
import { findNearest, type Near } from './nearest.ts';
import { orientChains } from './orient-chains.ts';
import { buildSpanningTree, type Tree } from './spanning-tree.ts';

/** What the trajectories of one component are recovered from. */
export interface ComponentInput {
  /** Sketches; their distances are those of the checkpoints. */
  readonly points: readonly Float32Array[];
  /** What rises with training time. */
  readonly features: Features;
  /** How far along each says that it is: asked only where the weights leave the direction open. */
  readonly declared: Float64Array | undefined;
}

export type Direction = 'inferred' | 'declared' | 'unknown';

/** The tree of one component: its chains in the order of time, each hanging on a checkpoint of another one but the trunk. */
export interface ComponentTree {
  readonly branches: readonly Branch[];
  readonly direction: Direction;
  /** Sum of the votes on the direction, -3 to 3. */
  readonly vote: number;
  readonly distances: Distances;
}

function linkAll(count: number, distances: Distances, near: readonly (readonly Near[])[]) {
  if (count > 2) return linkChains(distances, near);
  return { chains: [Array.from({ length: count }, (_, i) => i)], links: { strength: () => 1 } };
}

/** The root by the weights; where they leave it open, by what the files say. */
function chooseRoot(
  tree: Tree,
  chains: readonly Chain[],
  distances: Distances,
  { features, declared }: ComponentInput,
): { readonly root: Root; readonly direction: Direction } {
  const root = findRoot(tree, chains, (ways) => voteOnTraining(ways, chains, distances, features));
  if (root.isKnown) return { root, direction: 'inferred' };
  if (declared === undefined) return { root, direction: 'unknown' };
  return { root: findRoot(tree, chains, (ways) => kendallTau(ways, declared)), direction: 'declared' };
}

/** Recovers the trajectories of checkpoints that are all related (lineage.md, B2 to B5). */
export function recoverComponent(input: ComponentInput): ComponentTree {
  const { points } = input;
  const distances = createDistances(points);
  const near = findNearest(points, HULL_NEIGHBORS);
  const { chains, links } = linkAll(points.length, distances, near);
  const tree = buildSpanningTree(distances, near);
  const { root, direction } = chooseRoot(tree, chains, distances, input);
  const oriented = orientChains(chains, root.ways, links, distances);
  const branches = attachChains(oriented, root.root, root.ways, distances);
  return { branches, direction, vote: root.vote, distances };
}
