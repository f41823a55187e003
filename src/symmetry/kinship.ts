import type { Weights } from '../tensors/weights.ts';
import type { AxisGraph, Kinship } from './axis-graph.ts';
import { type KinshipBlock, momentsOf } from './kinship-block.ts';
import { layoutOf, prepareBlocks } from './prepare-blocks.ts';
import { logFactorial, logNormalTail } from './tails.ts';

/** One checkpoint, arranged so that comparing it with another costs a few products. Keeps a reference to the weights. */
export interface PreparedKinship {
  readonly weights: Weights;
  readonly graph: AxisGraph;
  readonly blocks: ReadonlyMap<string, KinshipBlock>;
  /** Equal for checkpoints whose blocks hold the same tensors in the same order. */
  readonly layout: string;
}

/** Prepares a checkpoint for repeated kinship tests. */
export function prepareKinship(weights: Weights, graph: AxisGraph): PreparedKinship {
  const blocks = prepareBlocks(weights, graph);
  return { weights, graph, blocks, layout: layoutOf(blocks) };
}

/**
 * Tests whether two checkpoints descend from one initialisation: their similarity against its distribution under consistent random permutations
 * of the hidden units, whose mean and variance have a closed form (docs/lineage.md, section 3). What only one of them holds is left out.
 */
export function compareKinship(a: PreparedKinship, b: PreparedKinship): Kinship {
  if (a.layout === b.layout) return combine(a.blocks, b.blocks);
  const shared = sharedTensors(a, b);
  return combine(prepareBlocks(shared.a, a.graph), prepareBlocks(shared.b, a.graph));
}

/** Tests the kinship of two checkpoints once; see {@link compareKinship}. */
export function testKinship(a: Weights, b: Weights, graph: AxisGraph): Kinship {
  return compareKinship(prepareKinship(a, graph), prepareKinship(b, graph));
}

/** The tensors that both preparations used and that have one shape. */
function sharedTensors(a: PreparedKinship, b: PreparedKinship): { readonly a: Weights; readonly b: Weights } {
  const names = [...usedTensors(a)].filter((name) => {
    const [x, y] = [a.weights.get(name), b.weights.get(name)];
    return usedTensors(b).has(name) && x?.shape.join() === y?.shape.join();
  });
  const pick = (weights: Weights): Weights => {
    return new Map(
      names.flatMap((name) => {
        const array = weights.get(name);
        return array ? [[name, array]] : [];
      }),
    );
  };
  return { a: pick(a.weights), b: pick(b.weights) };
}

function usedTensors(prepared: PreparedKinship): Set<string> {
  return new Set([...prepared.blocks.values()].flatMap((block) => block.tensors));
}

type Blocks = ReadonlyMap<string, KinshipBlock>;

interface TestedBlock {
  readonly block: KinshipBlock;
  readonly z: number;
  readonly degrees: number;
}

/** Z = sum sqrt(d) z / sqrt(sum d): the best weights when the cosine is the same in every block. */
function combine(a: Blocks, b: Blocks): Kinship {
  const tested = testBlocks(a, b);
  const degrees = tested.reduce((sum, block) => sum + block.degrees, 0);
  const weighted = tested.reduce((sum, block) => sum + Math.sqrt(block.degrees) * block.z, 0);
  const z = degrees > 0 ? weighted / Math.sqrt(degrees) : 0;
  return {
    z,
    logPValue: Math.max(logNormalTail(z), -logPermutations(tested)),
    blocks: tested.map(({ block, z, degrees }) => {
      return { spaces: block.key, z, degrees, logOrders: logOrdersOf(block), tensors: block.tensors };
    }),
  };
}

function logOrdersOf({ axes }: KinshipBlock): number {
  return axes.reduce((sum, { size, within = 1 }) => sum + within * logFactorial(size / within), 0);
}

/**
 * Natural logarithm of the p-value that some blocks of a test give together: as the whole test combines them, but floored at what the block with the most
 * orders alone can tell apart.
 */
export function logPValueOf(blocks: Kinship['blocks']): number {
  const degrees = blocks.reduce((sum, block) => sum + block.degrees, 0);
  if (!(degrees > 0)) return 0;
  const weighted = blocks.reduce((sum, block) => sum + Math.sqrt(block.degrees) * block.z, 0);
  const floor = blocks.reduce((most, { logOrders }) => Math.max(most, logOrders), 0);
  return Math.max(logNormalTail(weighted / Math.sqrt(degrees)), -floor);
}

function testBlocks(a: Blocks, b: Blocks): TestedBlock[] {
  const tested: TestedBlock[] = [];
  for (const [key, block] of a) {
    const other = b.get(key);
    if (!other || other.rows !== block.rows || other.features !== block.features) continue;
    const { similarity, variance } = momentsOf(block, other);
    if (!(variance > 0)) continue;
    tested.push({ block, z: similarity / Math.sqrt(variance), degrees: (block.energy * other.energy) / variance });
  }
  return tested;
}

/** Logarithm of the number of permutations that the tested blocks can tell apart at most: no p-value can be smaller than one of them. */
function logPermutations(tested: readonly TestedBlock[]): number {
  const spaces = new Map<string, number>();
  for (const { block } of tested) {
    for (const axis of block.axes) {
      const heads = axis.within ?? 1;
      spaces.set(`${axis.space} ${heads}`, heads * logFactorial(axis.size / heads));
    }
  }
  return [...spaces.values()].reduce((sum, log) => sum + log, 0);
}
