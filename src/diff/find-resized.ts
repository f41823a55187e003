import type { WeightArray, Weights } from '../tensors/weights.ts';
import { type AxisUnits, cutToCommon, isAtEnd } from './axis-units.ts';
import { chooseUnits, chooseVectorUnits, createUnitPool, guessUnits, type UnitPool } from './choose-units.ts';
import { isInterpolated } from './interpolated.ts';
import type { TensorPair } from './tensor-pair.ts';

/** Two tensors of which one has units that the other lacks, along one axis or two. */
export interface ResizedPair {
  readonly query: string;
  readonly candidate: string;
  readonly axes: readonly AxisUnits[];
  /** The units of the longer axis are combinations of those of the shorter one. */
  readonly isInterpolated?: true;
}

/** Which units two checkpoints have in common where their shapes differ. */
export interface Resizing {
  readonly pairs: readonly ResizedPair[];
  /** Natural logarithm of the number of selections that the values chose from: to be added to the logarithm of a p-value that rests on them. */
  readonly logChoices: number;
}

/** More axes than this never change at once: a layer has units that go in and units that come out. */
const MOST_AXES = 2;
/** So many tensors without a partner on either side are tried each against each. */
const MOST_TRIED = 64;

interface Found {
  readonly axes: readonly AxisUnits[];
  readonly score: number;
  readonly logChoices: number;
}

/**
 * Finds which units stayed where hidden units, channels, heads, or rows of an embedding were removed or added: a tensor of which one axis changed shows its units by
 * the values; one of which two did shows them once one of them is known from another tensor. What resembles nothing either way is left out: a new head.
 */
export function findResized(
  reshaped: readonly TensorPair[],
  unpaired: { readonly query: readonly string[]; readonly candidate: readonly string[] },
  query: Weights,
  candidate: Weights,
): Resizing {
  const pool = createUnitPool();
  const find = ({ query: q, candidate: c }: TensorPair) => findUnits(query.get(q), candidate.get(c), pool, q);
  const byRank = (isVector: boolean) =>
    reshaped.filter((pair) => (query.get(pair.query)?.shape.length ?? 0) < 2 === isVector);
  const found = new Map<string, ResizedPair>();
  let logChoices = 0;
  const settle = (pair: TensorPair, { axes, logChoices: choices }: Found) => {
    found.set(pair.query, { query: pair.query, candidate: pair.candidate, axes, ...howMade(pair, axes) });
    logChoices += choices;
    for (const units of axes) pool.add(units, pair.query);
  };
  const howMade = ({ query: q, candidate: c }: TensorPair, [units, ...others]: readonly AxisUnits[]) => {
    const [own, other] = [query.get(q), candidate.get(c)];
    if (!units || !own || !other || others.length > 0) return {};
    const [longer, shorter] = units.larger === 'query' ? [own, other] : [other, own];
    return !isAtEnd(units) && isInterpolated(longer, shorter, units.axis) ? { isInterpolated: true as const } : {};
  };
  settleAll(byRank(false), find, settle);
  for (const pair of likelyPairs(unpaired, query, candidate)) {
    const taken = [...found.values()].some((one) => one.query === pair.query || one.candidate === pair.candidate);
    const units = taken ? undefined : find(pair);
    if (units) settle(pair, units);
  }
  for (const pair of byRank(true)) {
    const units = find(pair);
    if (units) settle(pair, units);
  }
  return { pairs: [...found.values()], logChoices };
}

/** Again and again, as long as what was found lets more be found. */
function settleAll(
  pairs: readonly TensorPair[],
  find: (pair: TensorPair) => Found | undefined,
  settle: (pair: TensorPair, found: Found) => void,
): void {
  let open = pairs;
  for (let before = Number.POSITIVE_INFINITY; open.length < before; ) {
    before = open.length;
    open = open.filter((pair) => {
      const units = find(pair);
      if (units) settle(pair, units);
      return !units;
    });
  }
}

/** Matrices under other names that differ in one axis. */
function likelyPairs(
  unpaired: { readonly query: readonly string[]; readonly candidate: readonly string[] },
  query: Weights,
  candidate: Weights,
): readonly TensorPair[] {
  const pairs = unpaired.query.flatMap((q) =>
    unpaired.candidate.flatMap((c) => {
      const [a, b] = [query.get(q)?.shape ?? [], candidate.get(c)?.shape ?? []];
      return a.length > 1 && changedAxes(a, b)?.length === 1 ? [{ query: q, candidate: c }] : [];
    }),
  );
  return pairs.length <= MOST_TRIED ? pairs : [];
}

/** Axes along which two shapes differ; undefined where they have not as many axes. */
function changedAxes(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
  return a.length === b.length ? a.flatMap((n, axis) => (n === b[axis] ? [] : [axis])) : undefined;
}

function findUnits(
  query: WeightArray | undefined,
  candidate: WeightArray | undefined,
  pool: UnitPool,
  name: string,
): Found | undefined {
  if (!query || !candidate) return undefined;
  const axes = changedAxes(query.shape, candidate.shape) ?? [];
  const [first, second] = axes;
  if (first === undefined || axes.length > MOST_AXES) return undefined;
  if (second === undefined) {
    const isVector = query.shape.length < 2;
    const chosen = isVector
      ? chooseVectorUnits(query, candidate, pool, name)
      : chooseUnits(query, candidate, first, pool, name);
    return chosen && { axes: [chosen.units], score: chosen.score, logChoices: chosen.logChoices };
  }
  return better(findBoth(query, candidate, [first, second], pool, name), () =>
    findBoth(query, candidate, [second, first], pool, name),
  );
}

/** The units of one axis from what other tensors showed, those of the other by the values. */
function findBoth(
  query: WeightArray,
  candidate: WeightArray,
  [given, open]: readonly [number, number],
  pool: UnitPool,
  name: string,
): Found | undefined {
  let best: Found | undefined;
  const guesses = guessUnits(query, candidate, given, pool, name);
  for (const guess of guesses) {
    const [a, b] = [cutToCommon(query, 'query', [guess]), cutToCommon(candidate, 'candidate', [guess])];
    const chosen = chooseUnits(a, b, open, pool, name);
    if (!chosen) continue;
    const found: Found = {
      axes: [guess, chosen.units],
      score: chosen.score,
      logChoices: chosen.logChoices + Math.log(2 * guesses.length),
    };
    best = better(best, () => found);
    if (chosen.isSure) break;
  }
  return best;
}

function better(a: Found | undefined, next: () => Found | undefined): Found | undefined {
  const b = next();
  return !a || (b && b.score > a.score) ? b : a;
}
