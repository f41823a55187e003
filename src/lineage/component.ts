import { attachChains, type Branch } from './attach-chains.ts';
import { HULL_NEIGHBORS, linkChains } from './chains.ts';
import { type Features, findRoot, kendallTau, type Root, voteOnTraining } from './direction.ts';
import { createDistances, type Distances } from './distances.ts';
import { findNearest, type Near } from './nearest.ts';
import { orientChains } from './orient-chains.ts';
import { buildSpanningTree } from './spanning-tree.ts';

/** What the trajectories of one component are recovered from. */
export interface ComponentInput {
  /** Sketches; their distances are those of the checkpoints. */
  readonly points: readonly Float32Array[];
  /** What rises with training time. */
  readonly features: Features;
  /** How far along each says that it is: asked only where the weights leave direction or order open. */
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

/** Shorter chains do not vote: a trend of three is no evidence. */
const FEWEST_VOTERS = 4;

function linkAll(count: number, distances: Distances, near: readonly (readonly Near[])[]) {
  if (count > 2) return linkChains(distances, near);
  return { chains: [Array.from({ length: count }, (_, i) => i)], links: { strength: () => 1 } };
}

/** What the chains themselves say, read in the order that was recovered: below 0 they look like training run backwards. */
function voteAlongChains(branches: readonly Branch[], distances: Distances, features: Features): number {
  let sum = 0;
  let weight = 0;
  for (const { chain } of branches) {
    if (chain.length < FEWEST_VOTERS) continue;
    const places = Float64Array.from(chain.keys());
    const along = features.map((feature) => Float64Array.from(chain, (member) => feature[member] ?? 0));
    const vote = voteOnTraining(places, [[...chain.keys()]], within(chain, distances), along);
    sum += vote * chain.length;
    weight += chain.length;
  }
  return weight === 0 ? 0 : sum / weight;
}

/** The distances between the members of a chain, by their places on it. */
function within(chain: readonly number[], distances: Distances): Pick<Distances, 'length'> {
  return { length: (a, b) => distances.length(chain[a] ?? 0, chain[b] ?? 0) };
}

/** Recovers the trajectories of checkpoints that are all related (lineage.md, B2 to B5). */
export function recoverComponent(input: ComponentInput): ComponentTree {
  const { points, features, declared } = input;
  const distances = createDistances(points);
  const near = findNearest(points, HULL_NEIGHBORS);
  const { chains, links } = linkAll(points.length, distances, near);
  const tree = buildSpanningTree(distances, near);
  const grow = (root: Root, direction: Direction): ComponentTree => {
    const oriented = orientChains(chains, root.ways, links, distances);
    const branches = attachChains(oriented, root.root, root.ways, distances, declared);
    return { branches, direction, vote: root.vote, distances };
  };
  const byWeights = findRoot(tree, chains, (ways) => voteOnTraining(ways, chains, distances, features));
  const grown = grow(byWeights, 'inferred');
  // One far checkpoint can hang on the wrong end of the spanning tree and turn a run round: what its chains say must agree.
  if (byWeights.isKnown && voteAlongChains(grown.branches, distances, features) >= 0) return grown;
  if (declared === undefined) return { ...grown, direction: 'unknown' };
  return grow(
    findRoot(tree, chains, (ways) => kendallTau(ways, declared)),
    'declared',
  );
}
