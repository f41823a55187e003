import { bringInto } from '../diff/bring-into.ts';
import type { ManifestId } from '../objects/ids.ts';
import {
  type AttentionPair,
  deviationsOfPair,
  factorsOfPair,
  findAttentionPairs,
  multiplyPair,
  tensorsOf,
} from '../symmetry/attention-products.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { readAlterations, tensorFacts } from './alterations.ts';
import { type Case, type Ranked, rank } from './case.ts';
import { halfUnit } from './grid.ts';
import { sampleRows, valueCount } from './sample-rows.ts';
import { hasMovedRows, isUnrelatedInPlace } from './unplaced-units.ts';

/** Of what the factors leave, the product leaves this much at most: what training did to them, it did to their product. */
const MUST_EXPLAIN = 0.5;
/** Standard deviations within which 98 of 100 sums of many roundings lie, with room. */
const DEVIATIONS = 3;

/** A case in which layers of attention are compared by their products. */
export interface RotatedAttention {
  readonly subject: Case;
  readonly ranked: readonly Ranked[];
  readonly note: string;
}

/**
 * Looks for attention whose matrices were multiplied by others that cancel: between query and key, or value and output, any invertible matrix may be
 * put in each head. Nothing then stands where it stood, but the products do; they are compared instead.
 */
export async function findRotatedAttention(
  subject: Case,
  ranked: readonly Ranked[],
): Promise<RotatedAttention | undefined> {
  const { frame } = subject;
  const base = ranked[0];
  if (!base) return undefined;
  const candidate = await asStored(subject, base.id);
  const pairs = findRotatedPairs(frame.query, candidate);
  const gone = tensorsOf(pairs);
  if (gone.size === 0) return undefined;
  const rotated = foldCase(subject, pairs, gone);
  return {
    subject: rotated,
    ranked: await rank(
      rotated,
      ranked.map(({ id }) => id),
    ),
    note: `${pairs.length} pairs of attention layers differ by matrices that cancel: their products were compared.`,
  };
}

/** A candidate under the query's names, its axes as they are stored: of rotated matrices the values cannot tell how they are turned. */
async function asStored({ frame, archive }: Case, id: ManifestId): Promise<Weights> {
  const { matching } = await frame.candidate(id);
  return bringInto(
    matching.pairs.map(({ query, candidate }) => ({ query, candidate })),
    await archive.weights(id),
  );
}

/** Pairs that were rotated, and those that are fused with one: of a fused tensor all parts are compared by products, or none. */
function findRotatedPairs(query: Weights, candidate: Weights): readonly AttentionPair[] {
  const pairs = findAttentionPairs(query);
  const rotated = pairs.filter((pair) => isRotated(query, candidate, pair));
  const touched = new Set(rotated.flatMap(({ first, second }) => [first.weight, second.weight]));
  return pairs.filter(({ first, second }) => touched.has(first.weight) || touched.has(second.weight));
}

/** Some rows of the tensors have nothing to do with those at their place, and the product leaves half of what they leave at most. */
function isRotated(query: Weights, candidate: Weights, pair: AttentionPair): boolean {
  const [own, others] = [factorsOfPair(query, pair), factorsOfPair(candidate, pair)];
  const isMoved = own.some((factor, i) => {
    const other = others[i];
    return other !== undefined && (hasMovedRows(factor, other) || isUnrelatedInPlace(factor, other));
  });
  if (!isMoved) return false;
  const [product, stored] = [multiplyPair(query, pair), multiplyPair(candidate, pair)];
  if (!product || !stored || isUnrelatedInPlace(product, stored)) return false;
  const left = own.map((factor, i) => shareLeft(factor, others[i]));
  return shareLeft(product, stored) < MUST_EXPLAIN * Math.max(...left);
}

/** Energy of the difference over that of both. */
function shareLeft({ data }: WeightArray, other: WeightArray | undefined): number {
  let [difference, energy] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [data[i] ?? 0, other?.data[i] ?? 0];
    difference += (x - y) ** 2;
    energy += x * x + y * y;
  }
  return difference / Math.max(energy, 1e-30);
}

/** What the query's values say, and how far the products may be off by what their factors were rounded to. */
function factsOf(sample: Weights, query: Weights, pairs: readonly AttentionPair[]): Case['facts'] {
  const facts = new Map(readAlterations(sample));
  const factors = new Set(pairs.flatMap(({ first, second }) => [first, second].flatMap((p) => [p.weight, p.bias])));
  const halves = new Map(
    [...factors].flatMap((name): [string, Float32Array][] => {
      const tensor = query.get(name);
      return tensor ? [[name, halfSpacings(tensor)]] : [];
    }),
  );
  if (![...halves.values()].some((values) => values.some((half) => half > 0))) return facts;
  for (const pair of pairs) {
    const carried = deviationsOfPair(query, halves, pair)?.map((deviation) => DEVIATIONS * deviation);
    if (carried) facts.set(pair.name, { zeroCount: 0, ...facts.get(pair.name), carried });
  }
  return facts;
}

/** Half the spacing that each value was rounded to; zeros where it was not. */
function halfSpacings(tensor: WeightArray): Float32Array {
  const { grid, lattice } = tensorFacts(tensor);
  return tensor.data.map((x, i) => lattice?.halfSteps[i] ?? (grid ? halfUnit(grid, x) : 0));
}

function foldCase(subject: Case, pairs: readonly AttentionPair[], gone: ReadonlySet<string>): Case {
  const { frame } = subject;
  const fold = (sample: Weights, whole: Weights): Weights => {
    const products = pairs.flatMap((pair): [string, WeightArray][] => {
      const product = multiplyPair(whole, pair);
      return product ? [[pair.name, product]] : [];
    });
    return new Map([...[...sample].filter(([name]) => !gone.has(name)), ...products]);
  };
  const cache = new Map<ManifestId, Promise<Weights>>();
  const load = async (id: ManifestId) => {
    const whole = await (await frame.candidate(id)).whole();
    return fold(sampleRows(whole, valueCount(frame.query)), await asStored(subject, id));
  };
  const sample = fold(frame.sample, frame.query);
  return {
    ...subject,
    frame: { ...frame, sample },
    facts: factsOf(sample, frame.query, pairs),
    weightsOf(id) {
      const weights = cache.get(id) ?? load(id);
      cache.set(id, weights);
      return weights;
    },
  };
}
