import { sketchCosine } from '../sketch/sketch-distance.ts';
import { askWeights } from './ask-weights.ts';
import type { Branch } from './attach-chains.ts';
import type { ComponentTree } from './component.ts';
import { readDeclaredProgress } from './declared-order.ts';
import { copyEdges, joinForests, membersAt } from './forest.ts';
import { probabilityWithinOne } from './fork-evidence.ts';
import { type Habits, readHabits } from './habits.ts';
import type { Archive, Forest, LineageEdge, RecoveredTrajectory } from './model.ts';
import type { Node } from './node.ts';
import { type OrderEvidence, weighOrder } from './order.ts';
import { sureOfFork, sureOfStep, sureOfWhole } from './reliability.ts';

/** Steps of the trunk before the fork that the branch's first step is compared with. */
const RECENT_STEPS = 4;
/** A first step that is longer than the trunk's recent ones by this ratio is not the same training going on (lineage.md, "Monitoring": 1.3 at most unshifted). */
const FINE_TUNED_RATIO = 2;

/** What the description of a component's trajectories reads. */
interface Setting {
  readonly tree: ComponentTree;
  readonly nodes: readonly Node[];
  readonly archive: Archive;
  /** How the chains of the component usually go on. */
  readonly habits: Habits | undefined;
}

/** Where a branch comes from. */
interface Fork {
  readonly parent: number;
  /** That its first checkpoint comes from there. */
  readonly edgeConfidence: number;
  /** That it is a branch, and leaves there. */
  readonly confidence: number;
  readonly confidenceWithinOne: number;
}

/** A chain in the order that is shown. */
interface OrderedChain {
  readonly chain: readonly number[];
  readonly order: OrderEvidence;
  readonly isDeclared: boolean;
}

/** The order by the weights; where they have none, by what the files say. */
function orderChain(chain: readonly number[], { tree, nodes }: Setting): OrderedChain {
  const order = weighOrder(chain, tree.distances, nodes[0]?.original.summary.parameters ?? 0);
  const declared = order.isOrdered
    ? undefined
    : readDeclaredProgress(chain.flatMap((node) => nodes[node]?.original ?? []));
  if (declared === undefined || new Set(declared).size < chain.length) return { chain, order, isDeclared: false };
  const places = [...chain.keys()].sort((a, b) => (declared[a] ?? 0) - (declared[b] ?? 0));
  const sorted = places.map((place) => chain[place] ?? 0);
  return { chain: sorted, order: { ...order, isOrdered: true, confidence: 0.5 }, isDeclared: true };
}

/** Tells a branch that goes on as its trunk did from one that was trained on something else. */
function wordForBranch(chain: readonly number[], parent: number, { tree }: Setting): 'forked' | 'fine-tuned' {
  const trunk = tree.branches.find((branch) => branch.chain.includes(parent))?.chain ?? [];
  const until = trunk.indexOf(parent);
  const recent = trunk.slice(Math.max(0, until - RECENT_STEPS), until + 1);
  const steps = recent.slice(1).map((node, i) => tree.distances.length(recent[i] ?? 0, node));
  const median = steps.sort((a, b) => a - b)[steps.length >> 1];
  const first = tree.distances.length(parent, chain[0] ?? 0);
  return median !== undefined && first > FINE_TUNED_RATIO * median ? 'fine-tuned' : 'forked';
}

/** How sure the direction is, from the votes: a coin toss at none, certain when all three agree. */
function directionConfidence({ direction, vote }: ComponentTree): number {
  if (direction === 'unknown') return 0.5;
  return 0.5 + Math.min(Math.abs(vote), 2) / 4;
}

function nextEdges({ chain, order }: OrderedChain, { tree, nodes, habits }: Setting): readonly LineageEdge[] {
  const sure = directionConfidence(tree);
  const isAlone = tree.branches.length < 2;
  return chain.slice(1).flatMap((node, gap) => {
    const child = nodes[node]?.original.id;
    const parent = nodes[chain[gap] ?? -1]?.original.id;
    if (child === undefined || parent === undefined) return [];
    const inOrder = order.isOrdered ? (order.gaps[gap] ?? 0.5) : 1 / chain.length;
    const follows = sureOfStep(chain, gap, isAlone, tree.distances, habits);
    return [{ child, parent, relation: 'next', confidence: sure * inOrder * follows, weight: 1 }];
  });
}

async function forkEdge(chain: readonly number[], fork: Fork, setting: Setting): Promise<readonly LineageEdge[]> {
  const { tree, nodes, archive } = setting;
  const child = nodes[chain[0] ?? -1]?.original;
  const parent = nodes[fork.parent]?.original;
  if (child === undefined || parent === undefined) return [];
  const relation = wordForBranch(chain, fork.parent, setting);
  const confidence = fork.edgeConfidence * directionConfidence(tree);
  const cosine = sketchCosine(child.summary.centred, parent.summary.centred);
  const { logPValue } = await askWeights(child, parent, archive, cosine, Math.max(nodes.length - 1, 1));
  const evidence = logPValue === undefined ? {} : { logPValue };
  return [{ child: child.id, parent: parent.id, relation, confidence, ...evidence, weight: 1 }];
}

function toTrajectory(ordered: OrderedChain, fork: Fork | undefined, setting: Setting): RecoveredTrajectory {
  const { tree, nodes } = setting;
  const from = fork === undefined ? undefined : nodes[fork.parent]?.original.id;
  const sure = directionConfidence(tree);
  return {
    members: ordered.chain.flatMap((node, position) => {
      const found = nodes[node];
      return found === undefined ? [] : membersAt(found, position);
    }),
    ...(fork === undefined || from === undefined
      ? {}
      : {
          forkedFrom: {
            id: from,
            confidence: fork.confidence * sure,
            confidenceWithinOne: fork.confidenceWithinOne * sure,
          },
        }),
    isOrdered: ordered.order.isOrdered,
    orderConfidence: ordered.order.isOrdered
      ? ordered.order.confidence * sureOfWhole(ordered.chain, tree.distances, setting.habits)
      : ordered.order.confidence,
    direction: ordered.isDeclared ? 'declared' : tree.direction,
  };
}

function readFork({ parent, options }: Branch, habits: Habits | undefined): Fork | undefined {
  if (parent === undefined) return undefined;
  const sure = sureOfFork(habits);
  const found = options[0]?.candidate === parent ? options : [];
  // The parent was forced by what hangs already where it is not the best option.
  if (found.length === 0) return { parent, edgeConfidence: 0.5, confidence: 0.5, confidenceWithinOne: 0.5 };
  const probability = found[0]?.probability ?? 0.5;
  return {
    parent,
    edgeConfidence: probability * sure.ofParent,
    confidence: probability * sure.ofBranch,
    confidenceWithinOne: probabilityWithinOne(found) * sure.ofBranch,
  };
}

async function describeBranch(branch: Branch, setting: Setting): Promise<Forest> {
  const { chain } = branch;
  const ordered = orderChain(chain, setting);
  const fork = readFork(branch, setting.habits);
  const trajectory = toTrajectory(ordered, fork, setting);
  const copies = chain.flatMap((node) => setting.nodes[node] ?? []).flatMap(copyEdges);
  // Without a direction it is a chain, and nobody is a parent (lineage.md, C).
  if (trajectory.direction === 'unknown') return { trajectories: [trajectory], edges: copies };
  const forks = fork === undefined ? [] : await forkEdge(ordered.chain, fork, setting);
  return { trajectories: [trajectory], edges: [...forks, ...nextEdges(ordered, setting), ...copies] };
}

/** Says what a component's tree means for its checkpoints: trajectories and edges, with how sure they are. */
export async function describeComponent(
  tree: ComponentTree,
  nodes: readonly Node[],
  archive: Archive,
): Promise<Forest> {
  const forests: Forest[] = [];
  const habits = readHabits(
    tree.branches.map(({ chain }) => chain),
    tree.distances,
  );
  for (const branch of tree.branches) forests.push(await describeBranch(branch, { tree, nodes, archive, habits }));
  return joinForests(forests);
}
