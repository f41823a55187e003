import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';

/** A run, or a piece of one, in a reading of some checkpoints. */
export interface Arm {
  readonly nodes: Chain;
  /** The checkpoint after which it leaves another arm: anywhere on the step from there to the next; undefined for the first arm. */
  readonly parent: number | undefined;
  /** Whether it goes where its trunk goes, at a pace of its own; else it only starts in its direction. */
  readonly follows: boolean;
}

/**
 * What a reading leaves open, in the order of the parameters: log of the memory's length; log odds of the noise that is not inherited; of each arm's share
 * of noise; three for each fork.
 */
const FORK_PARAMETERS = 3;
/** Parameters that all arms share. */
export const OF_ALL = 2;

/** A way between two points of a reading: checkpoints, or the points where branches leave. */
export interface Edge {
  /** The edge that leads to where this one starts, or -1. */
  readonly before: number;
  /** Where it ends, if that is a checkpoint. */
  readonly node: number;
  /** How long the drift takes, in lengths of its memory. */
  readonly duration: number;
  /** What is added on the way and kept by all that comes after. */
  readonly noise: number;
  /** What only the checkpoint at its end has. */
  readonly own: number;
  /** The correlation with all that is beyond its start; 1 where no branch starts. */
  readonly inherited: number;
  readonly startsBranch: boolean;
  readonly follows: boolean;
}

/** A step between two checkpoints of an arm, with the forks that lie on it. */
interface Step {
  readonly arm: number;
  readonly from: number;
  readonly to: number;
  readonly squared: number;
  readonly forks: readonly number[];
}

/** Arms in an order in which each comes after the one it hangs on, and their steps. */
export interface Plan {
  readonly arms: readonly Arm[];
  readonly steps: readonly Step[];
  /** Place among the parameters of an arm's fork; -1 for the first arm. */
  readonly forkAt: readonly number[];
  readonly parameters: number;
  readonly root: number;
  /** All checkpoints but the root. */
  readonly nodes: readonly number[];
}

/** Sorts arms so that each comes after the one it hangs on; undefined where they do not hang together. */
function sortArms(arms: readonly Arm[]): readonly Arm[] | undefined {
  const placed = new Set<number>();
  const sorted: Arm[] = [];
  let waiting = arms;
  while (waiting.length > 0) {
    const ready = waiting.filter(({ parent }) => (parent === undefined ? sorted.length === 0 : placed.has(parent)));
    if (ready.length === 0) return undefined;
    for (const arm of ready) {
      sorted.push(arm);
      for (const node of arm.nodes) placed.add(node);
    }
    waiting = waiting.filter((arm) => !ready.includes(arm));
  }
  // What hangs on the end of an arm goes on with it.
  const ends = new Set(sorted.map(({ nodes }) => nodes.at(-1)));
  const isRooted = sorted[0]?.parent === undefined && !sorted.some(({ parent }) => ends.has(parent ?? -1));
  return isRooted ? sorted : undefined;
}

/** Prepares a reading; undefined where its arms do not hang together. */
export function planReading(arms: readonly Arm[], { squared }: Distances): Plan | undefined {
  const sorted = sortArms(arms);
  const root = sorted?.[0]?.nodes[0];
  if (sorted === undefined || root === undefined) return undefined;
  const steps: Step[] = [];
  sorted.forEach(({ nodes }, arm) => {
    nodes.slice(1).forEach((to, i) => {
      const from = nodes[i] ?? root;
      const forks = [...sorted.keys()].filter((k) => sorted[k]?.parent === from);
      steps.push({ arm, from, to, squared: squared(from, to), forks });
    });
  });
  const first = OF_ALL + sorted.length;
  const forkAt = sorted.map((_, arm) => (arm === 0 ? -1 : first + FORK_PARAMETERS * (arm - 1)));
  const nodes = sorted.flatMap((arm) => arm.nodes).filter((node) => node !== root);
  return { arms: sorted, steps, forkAt, root, nodes, parameters: first + FORK_PARAMETERS * (sorted.length - 1) };
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** The duration after which drift of this squared length is expected: solves 2 m^2 (x - 1 + exp(-x)) = squared for x, by Newton's method. */
function durationOf(squared: number, memory: number): number {
  const target = squared / (2 * memory * memory);
  let x = target > 1 ? target + 0.5 : Math.sqrt(2 * target);
  for (let round = 0; round < 6; round++) {
    const slope = 1 - Math.exp(-x);
    if (slope < 1e-9) break;
    x = Math.max(x - (x - slope - target) / slope, 1e-6);
  }
  return x;
}

/** Lays out the edges of a reading under its parameters; each comes after the one it starts from. */
export function layEdges(plan: Plan, at: Float64Array): readonly Edge[] {
  const memory = Math.exp(at[0] ?? 0);
  const edges: Edge[] = [];
  const endOf = new Map<number, number>([[plan.root, -1]]);
  const forkPoints = new Map<number, number>();
  const shareOf = (arm: number) => logistic(at[OF_ALL + arm] ?? 0);
  const kept = 1 - logistic(at[1] ?? 0);
  const startBranch = (arm: number): void => {
    const { nodes, parent, follows } = plan.arms[arm] ?? { nodes: [], parent: undefined, follows: false };
    const fork = plan.forkAt[arm] ?? 0;
    const squared = Math.exp(2 * (at[fork + 1] ?? 0));
    const noise = shareOf(arm) * squared;
    edges.push({
      before: forkPoints.get(arm) ?? endOf.get(parent ?? plan.root) ?? -1,
      node: nodes[0] ?? plan.root,
      duration: durationOf(squared - noise, memory),
      noise: kept * noise,
      own: ((1 - kept) * noise) / 2,
      inherited: Math.tanh(at[fork + 2] ?? 0),
      startsBranch: true,
      follows,
    });
    endOf.set(nodes[0] ?? plan.root, edges.length - 1);
  };
  let arm = 0;
  for (const step of plan.steps) {
    for (; arm < step.arm; ) startBranch(++arm);
    layStep(step);
  }
  while (arm + 1 < plan.arms.length) startBranch(++arm);
  return edges;

  /** Splits a step where branches leave. */
  function layStep({ from, to, squared, forks, arm: own }: Step): void {
    const noise = shareOf(own) * squared;
    const duration = durationOf(squared - noise, memory);
    const cuts = forks.map((fork) => ({ fork, share: logistic(at[plan.forkAt[fork] ?? 0] ?? 0) }));
    cuts.sort((a, b) => a.share - b.share || a.fork - b.fork);
    let before = endOf.get(from) ?? -1;
    let done = 0;
    const lay = (node: number, share: number) => {
      const part = share - done;
      edges.push({
        before,
        node,
        duration: duration * part,
        noise: kept * noise * part,
        own: ((1 - kept) * noise) / 2,
        inherited: 1,
        startsBranch: false,
        follows: false,
      });
      before = edges.length - 1;
      done = share;
    };
    for (const { fork, share } of cuts) {
      lay(-1, share);
      forkPoints.set(fork, before);
    }
    lay(to, 1);
    endOf.set(to, before);
  }
}
