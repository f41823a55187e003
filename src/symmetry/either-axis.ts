import type { WeightArray, Weights } from '../tensors/weights.ts';
import type { AxisGraph } from './axis-graph.ts';
import { type KinshipBlock, momentsOf } from './kinship-block.ts';
import { findOrderedSpaces } from './ordered-spaces.ts';
import { arrangeBlocks } from './prepare-blocks.ts';
import { logFactorial, logNormalTail } from './tails.ts';

/** The kinship test of one matrix of which it is not known which of its axes is hidden. */
export interface EitherAxis {
  readonly name: string;
  /** Number of values. */
  readonly size: number;
  /** The least statistic over everything that the hidden axis may be. */
  readonly z: number;
  /** ln of the largest p-value over everything that the hidden axis may be. */
  readonly logPValue: number;
  /** What a copy could reach, from the number of units alone. */
  readonly zOfCopy: number;
}

/** Into how many parts an axis may be fused: gates of a recurrent layer; query, key and value; two branches. */
const PARTS = [2, 3, 4] as const;
/** Largest matrices that are tested; each takes a few milliseconds. */
const MOST_TENSORS = 24;
const FEWEST_UNITS = 4;
/** Names of matrices that keep several parts in one axis. */
const FUSED_NAME =
  /(weight_ih|recurrent_kernel|lstm|gru|gates|qkv|c_attn|in_proj|query_key_value|gate_up|glu|x2h|i2h|h2h)/i;
/** Parts of fewer units are not asked about: their 120 orders say next to nothing, and every axis has a divisor that stands elsewhere too. */
const FEWEST_IN_A_PART = 6;
const SPACE = 'units';

/**
 * Tests two checkpoints tensor by tensor without an axis graph. In a network with hidden layers every matrix has a hidden axis, its rows or its
 * columns, maybe fused of several parts; which, is not known. The largest of the p-values of all these hypotheses is a valid one
 * whichever is true (an intersection-union test; Berger 1982). Matrices that are equal value by value say nothing: they may be a fixed basis; nor do
 * those with an order along both axes, such as time by time.
 */
export function testEitherAxis(a: Weights, b: Weights): readonly EitherAxis[] {
  const lengths = unitCounts(a);
  const names = [...a.keys()].filter((name) => isComparable(a.get(name), b.get(name)));
  const bySize = names.sort((x, y) => sizeOf(a, y) - sizeOf(a, x)).slice(0, MOST_TENSORS);
  return bySize.flatMap((name) => testTensor(a, b, name, lengths) ?? []);
}

const sizeOf = (weights: Weights, name: string) => weights.get(name)?.data.length ?? 0;

/** Numbers of units that a matrix of the file has along an axis: what is fused of several parts is read as one part elsewhere. */
function unitCounts(weights: Weights): ReadonlySet<number> {
  const lengths = [...weights.values()].flatMap(({ shape }) => largestAxes(shape).map((axis) => shape[axis] ?? 0));
  return new Set(lengths);
}

function isComparable(x: WeightArray | undefined, y: WeightArray | undefined): boolean {
  if (!x || !y || x.shape.join() !== y.shape.join() || largestAxes(x.shape).length < 2) return false;
  return x.data.some((value, i) => value !== y.data[i]);
}

/** The two longest axes: units in and units out; pixels of a kernel and the like are shorter. */
function largestAxes(shape: readonly number[]): readonly number[] {
  const axes = [...shape.keys()].sort((i, j) => (shape[j] ?? 0) - (shape[i] ?? 0) || i - j).slice(0, 2);
  return axes.length === 2 && axes.every((axis) => (shape[axis] ?? 0) >= FEWEST_UNITS) ? axes : [];
}

interface Hypothesis {
  readonly z: number;
  readonly logPValue: number;
  readonly units: number;
  /** The blocks that were compared. */
  readonly blocks: readonly [KinshipBlock, KinshipBlock];
}

/** Above this nobody is called kin: whether the axes have an order, which takes longer to see than the statistic, does not matter. */
const LOG_WORTH_A_LOOK = Math.log(1e-2);

function testTensor(a: Weights, b: Weights, name: string, lengths: ReadonlySet<number>): EitherAxis | undefined {
  const [x, y] = [a.get(name), b.get(name)];
  if (!x || !y) return undefined;
  const tests = largestAxes(x.shape).flatMap((axis) =>
    partsOf(name, x.shape, axis, lengths).flatMap((parts) => testAxis(x, y, axis, parts) ?? []),
  );
  if (tests.length === 0) return undefined;
  const logPValue = Math.max(...tests.map((test) => test.logPValue));
  if (logPValue < LOG_WORTH_A_LOOK && tests.every(isOrdered)) return undefined;
  const units = Math.min(...tests.map((test) => test.units));
  return {
    name,
    size: x.data.length,
    z: Math.min(...tests.map((test) => test.z)),
    logPValue,
    zOfCopy: Math.min(units - 1, Math.sqrt(2 * logFactorial(units))),
  };
}

/** An axis may be fused where it is a multiple of the other one (recurrent weights, attention), or where the name says so and the parts are read elsewhere. */
function partsOf(
  name: string,
  shape: readonly number[],
  axis: number,
  lengths: ReadonlySet<number>,
): readonly number[] {
  const size = shape[axis] ?? 0;
  const other = largestAxes(shape).find((a) => a !== axis) ?? axis;
  const isNamed = FUSED_NAME.test(name) && !(axis > 0 && name.includes('weight_ih'));
  const may = (part: number) => part === shape[other] || (isNamed && lengths.has(part));
  return [1, ...PARTS.filter((parts) => size / parts >= FEWEST_IN_A_PART && may(size / parts))];
}

function testAxis(x: WeightArray, y: WeightArray, axis: number, parts: number): Hypothesis | undefined {
  const graph = graphOf(x.shape, axis, parts);
  const [own] = arrangeBlocks(new Map([[SPACE, x]]), graph);
  const [other] = arrangeBlocks(new Map([[SPACE, y]]), graph);
  if (!own || !other) return undefined;
  const { similarity, variance } = momentsOf(own, other);
  const z = variance > 0 ? similarity / Math.sqrt(variance) : 0;
  const units = (x.shape[axis] ?? 0) / parts;
  return { z, logPValue: Math.max(logNormalTail(z), -logFactorial(units)), units, blocks: [own, other] };
}

function isOrdered({ blocks }: Hypothesis): boolean {
  return blocks.some((block) => findOrderedSpaces([block]).size > 0);
}

function graphOf(shape: readonly number[], axis: number, parts: number): AxisGraph {
  const size = shape[axis] ?? 0;
  const before = [...shape.slice(0, axis), ...(parts > 1 ? [parts] : [])];
  const reshape = [...before, size / parts, ...shape.slice(axis + 1)];
  const labels = reshape.map((_, i) => (i === before.length ? SPACE : null));
  return { tensors: new Map([[SPACE, { reshape, labels }]]), source: 'names', rescalable: new Set(), unplaced: [] };
}
