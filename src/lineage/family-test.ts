import { alignUnits, applyAlignment } from '../symmetry/align.ts';
import type { AxisGraph } from '../symmetry/axis-graph.ts';
import { balanceUnits } from '../symmetry/balance.ts';
import { testKinship } from '../symmetry/kinship.ts';
import { rotateUnits } from '../symmetry/rotate.ts';
import { logStudentTail } from '../symmetry/tails.ts';
import type { Weights } from '../tensors/weights.ts';

/** What the similarity after alignment is worth: aligned strangers resemble each other too, so that it has no exact null. */
export interface FamilyTest {
  /** The similarity lies nearer that of a copy than that of rotated candidates. */
  readonly isNearCopy: boolean;
  /** ln p against other families aligned in the same way, Bonferroni over all of them; undefined with fewer than three, and where it is near no copy. */
  readonly logPValue?: number;
}

/** Rotated candidates that the chance similarity is averaged over. */
const ROTATIONS = 6;
/** Fewer families give no spread to compare with (lineage.md, A2 step 3). */
const LEAST_FAMILIES = 3;
/** Seed of the rotations: the same query gets the same answer. */
const SEED = 0x2545f491;

/** One checkpoint of each of some other families, and how many there are. */
export interface OtherFamilies {
  readonly weights: readonly Weights[];
  readonly count: number;
}

/** Nearer a copy than chance. */
const TOWARDS_COPY = 0.5;

/**
 * Tests a candidate whose unit order was lost (lineage.md, A2 step 3). Other families, each of which has to be aligned as well, are asked for only where the
 * candidate is nearer a copy than chance.
 */
export async function testFamily(
  query: Weights,
  candidate: Weights,
  graph: AxisGraph,
  findOthers: () => Promise<OtherFamilies>,
): Promise<FamilyTest> {
  const own = balanceUnits(query, graph).weights;
  const balanced = balanceUnits(candidate, graph).weights;
  const aligned = alignTo(own, balanced, graph);
  const z = testKinship(own, aligned, graph).z;
  const zOfCopy = testKinship(onSupport(aligned, own), aligned, graph).z;
  const random = xorshift(SEED);
  const rotated = Array.from({ length: ROTATIONS }, () => alignedZ(own, rotateUnits(balanced, graph, random), graph));
  const chance = mean(rotated);
  const towardsCopy = (z - chance) / Math.max(zOfCopy - chance, 1e-9);
  // Not by "<": what is no number is no copy either.
  const isNearCopy = towardsCopy >= TOWARDS_COPY;
  const strangers = isNearCopy ? await findOthers() : { weights: [], count: 0 };
  if (strangers.weights.length < LEAST_FAMILIES) return { isNearCopy };
  const others = strangers.weights.map((weights) => alignedZ(own, balanceUnits(weights, graph).weights, graph));
  const m = others.length;
  const t = (z - mean(others)) / (Math.max(standardDeviation(others), 0.5) * Math.sqrt(1 + 1 / m));
  return { isNearCopy, logPValue: Math.min(0, Math.log(Math.max(strangers.count, 1)) + logStudentTail(t, m - 1)) };
}

function alignTo(query: Weights, candidate: Weights, graph: AxisGraph): Weights {
  return applyAlignment(candidate, graph, alignUnits(query, candidate, graph, { sign: true }));
}

function alignedZ(query: Weights, candidate: Weights, graph: AxisGraph): number {
  return testKinship(query, alignTo(query, candidate, graph), graph).z;
}

/** A copy that was pruned as the query was. */
function onSupport(weights: Weights, query: Weights): Weights {
  return new Map(
    [...weights].map(([name, tensor]) => {
      const support = query.get(name)?.data;
      return [
        name,
        support ? { shape: tensor.shape, data: tensor.data.map((x, i) => (support[i] === 0 ? 0 : x)) } : tensor,
      ];
    }),
  );
}

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / Math.max(values.length, 1);

function standardDeviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - middle) ** 2, 0) / Math.max(values.length - 1, 1));
}

/** Uniform numbers in [0, 1) by Marsaglia's xorshift (2003). */
function xorshift(seed: number): () => number {
  let x = seed | 0;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 4294967296;
  };
}
