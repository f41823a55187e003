import type { WeightArray, Weights } from '../tensors/weights.ts';
import { planCuts } from './plan-cuts.ts';
import { type Cut, type Slice, takeSlice } from './slice.ts';
import type { Named, TensorPair } from './tensor-pair.ts';

/** The tensors of one side with some of them cut into slices, which are tensors of their own under names that nobody else has. */
export interface SlicedSide {
  readonly tensors: Map<string, Named>;
  readonly weights: Weights | undefined;
  readonly slices: ReadonlyMap<string, { readonly whole: string; readonly slice: Slice }>;
}

/** Cuts, on either side, the tensors that hold several of the other's; none where there are no values to tell. */
export function sliceBoth(
  query: ReadonlyMap<string, Named>,
  candidate: ReadonlyMap<string, Named>,
  a: Weights | undefined,
  b: Weights | undefined,
): { readonly query: SlicedSide; readonly candidate: SlicedSide } {
  const [own, others] = a && b ? [cuttable(query, a), cuttable(candidate, b)] : [[], []];
  const plan = planCuts(own, others);
  return { query: sliceSide(query, a, plan.own), candidate: sliceSide(candidate, b, plan.others) };
}

/** Constants (initial states that an exporter wrote down) hold nothing of anybody. */
function cuttable(tensors: ReadonlyMap<string, Named>, weights: Weights): readonly Named[] {
  const isConstant = ({ data }: WeightArray) => data.every((x) => x === data[0]);
  return [...tensors.values()].filter(({ name }) => {
    const values = weights.get(name);
    return values !== undefined && !isConstant(values);
  });
}

function sliceSide(
  tensors: ReadonlyMap<string, Named>,
  weights: Weights | undefined,
  cuts: ReadonlyMap<Named, Cut>,
): SlicedSide {
  const slices = new Map<string, { whole: string; slice: Slice }>();
  const values = new Map<string, WeightArray>();
  const sliced = [...tensors.values()].flatMap((tensor) => {
    const [cut, whole] = [cuts.get(tensor), weights?.get(tensor.name)];
    if (!cut || !whole) return [tensor];
    return Array.from({ length: cut.count }, (_, at): Named => {
      const name = `${tensor.name}\0${at}`;
      const slice = { ...cut, at, whole: whole.shape };
      slices.set(name, { whole: tensor.name, slice });
      values.set(name, takeSlice(whole, slice));
      return { name, shape: cut.part };
    });
  });
  return {
    tensors: new Map(sliced.map((tensor) => [tensor.name, tensor])),
    weights: weights && values.size > 0 ? new Map([...weights, ...values]) : weights,
    slices,
  };
}

/**
 * Turns pairs of slices into pairs of what they are slices of. A whole counts when all of its slices are paired and, taken together, resemble their
 * partners; `rejected` are the others.
 *
 * @param resemblance of two paired tensors, -1 to 1
 */
export function joinSlices(
  pairs: readonly TensorPair[],
  query: SlicedSide,
  candidate: SlicedSide,
  resemblance: (pair: TensorPair) => number,
  least: number,
): { readonly pairs: readonly TensorPair[]; readonly wholes: number } {
  const wholes = new Map<string, TensorPair[]>();
  for (const pair of pairs) for (const key of keysOf(pair, query, candidate)) push(wholes, key, pair);
  const rejected = new Set<TensorPair>();
  for (const [key, own] of wholes) {
    const count = key.startsWith('q') ? countOf(query, own[0]?.query) : countOf(candidate, own[0]?.candidate);
    const mean = own.reduce((sum, pair) => sum + resemblance(pair), 0) / own.length;
    if (own.length < count || mean < least) for (const pair of own) rejected.add(pair);
  }
  const kept = pairs.filter((pair) => !rejected.has(pair));
  return { pairs: kept.map((pair) => nameWholes(pair, query, candidate)), wholes: wholes.size };
}

function keysOf(pair: TensorPair, query: SlicedSide, candidate: SlicedSide): readonly string[] {
  const [q, c] = [query.slices.get(pair.query), candidate.slices.get(pair.candidate)];
  return [...(q ? [`q${q.whole}`] : []), ...(c ? [`c${c.whole}`] : [])];
}

const countOf = (side: SlicedSide, name: string | undefined): number => side.slices.get(name ?? '')?.slice.count ?? 1;

function nameWholes(pair: TensorPair, query: SlicedSide, candidate: SlicedSide): TensorPair {
  const [placed, taken] = [query.slices.get(pair.query), candidate.slices.get(pair.candidate)];
  return {
    ...pair,
    ...(placed ? { query: placed.whole, placed: placed.slice } : {}),
    ...(taken ? { candidate: taken.whole, taken: taken.slice } : {}),
  };
}

function push<K, V>(groups: Map<K, V[]>, key: K, value: V): void {
  const group = groups.get(key);
  if (group) group.push(value);
  else groups.set(key, [value]);
}
