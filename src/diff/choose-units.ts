import type { WeightArray } from '../tensors/weights.ts';
import { type AxisUnits, firstUnits, isAtEnd, logSelections } from './axis-units.ts';
import {
  matchFree,
  matchInOrder,
  relatedShare,
  samplingStep,
  type UnitVectors,
  unitCorrelation,
  unitDistances,
  unitVectors,
} from './match-units.ts';

/** Below this correlation two tensors are unrelated: half of what independent ones differ by. */
const LEAST_CORRELATION = 0.5;
/** Share of the units that must resemble theirs each: where only some rows are read, those that both files read are fewer. */
const LEAST_RELATED = 0.75;
/** A correlation as high as this leaves nothing to look for. */
const SURE = 0.98;
/** ln of the odds that chance picks units which agree as well, at least. */
const LEAST_SCORE = -Math.log(1e-6);
/** 1 - r² is no less than what the rounding of f32 leaves. */
const LEAST_UNEXPLAINED = 1e-12;
/** Selections of one pair of lengths that are tried: the latest, which are of the layers before. */
const MOST_GUESSES = 8;

/** Which units an axis kept, and what says so. */
export interface ChosenUnits {
  readonly units: AxisUnits;
  /** ln of the odds against chance, all selections counted. */
  readonly score: number;
  /** ln of the number of selections that this one was chosen from. */
  readonly logChoices: number;
  readonly isSure: boolean;
}

/** Selections of units that some tensors have shown. */
export interface UnitPool {
  add(units: AxisUnits, tensor: string): void;
  /** What an axis of these lengths may have kept, as far as other tensors have shown: of the same module first; channel by channel where an axis holds several values of each. */
  guess(query: number, candidate: number, axis: number, tensor: string): readonly AxisUnits[];
}

interface Known {
  readonly units: AxisUnits;
  readonly module: string;
}

const moduleOf = (name: string) => name.slice(0, Math.max(0, name.lastIndexOf('.')));

/** Makes an empty pool. */
export function createUnitPool(): UnitPool {
  const known: Known[] = [];
  return {
    add(units, tensor) {
      const isSame = (other: Known) =>
        other.units.size === units.size &&
        other.units.larger === units.larger &&
        other.units.kept.length === units.kept.length &&
        other.units.kept.every((place, k) => place === units.kept[k]);
      if (!known.some((other) => isSame(other) && other.module === moduleOf(tensor)))
        known.push({ units, module: moduleOf(tensor) });
    },
    guess(query, candidate, axis, tensor) {
      const size = Math.max(query, candidate);
      const side = larger(query, candidate);
      const fits = known.filter(
        ({ units }) => units.larger === side && fitsInto(units, size, Math.min(query, candidate)),
      );
      const own = fits.filter(({ module }) => module === moduleOf(tensor));
      const latest = [...own, ...fits.filter((one) => !own.includes(one)).reverse()].slice(0, MOST_GUESSES);
      const kept = latest.flatMap(({ units }) => spread(units, size));
      return distinct(kept).map((places) => ({ axis, larger: side, size, kept: places }));
    },
  };
}

function fitsInto({ size, kept }: AxisUnits, longer: number, shorter: number): boolean {
  return longer % size === 0 && longer / size === shorter / kept.length;
}

/** An axis that holds several values of every unit has them next to each other, or one of every unit after the other. */
function spread({ size, kept }: AxisUnits, longer: number): readonly Uint32Array[] {
  const times = longer / size;
  if (times === 1) return [kept];
  const count = kept.length * times;
  return [
    Uint32Array.from({ length: count }, (_, k) => (kept[Math.floor(k / times)] ?? 0) * times + (k % times)),
    Uint32Array.from({ length: count }, (_, k) => Math.floor(k / kept.length) * size + (kept[k % kept.length] ?? 0)),
  ];
}

function distinct(selections: readonly Uint32Array[]): readonly Uint32Array[] {
  const seen = new Map(selections.map((kept) => [kept.join(), kept]));
  return [...seen.values()];
}

/** What an axis may have kept before its values are looked at: what other tensors kept, or the first units. */
export function guessUnits(
  query: WeightArray,
  candidate: WeightArray,
  axis: number,
  pool: UnitPool,
  tensor: string,
): readonly AxisUnits[] {
  const [a, b] = [query.shape[axis] ?? 1, candidate.shape[axis] ?? 1];
  const first = { axis, larger: larger(a, b), size: Math.max(a, b), kept: firstUnits(Math.min(a, b)) };
  const known = pool.guess(a, b, axis, tensor);
  return known.some(isAtEnd) ? known : [...known, first];
}

const larger = (a: number, b: number): AxisUnits['larger'] => (a > b ? 'query' : 'candidate');

/** Chooses by the values which units an axis of a matrix kept; undefined where no selection makes the two resemble each other more than chance does. */
export function chooseUnits(
  query: WeightArray,
  candidate: WeightArray,
  axis: number,
  pool: UnitPool,
  tensor: string,
): ChosenUnits | undefined {
  const [a, b] = [query.shape[axis] ?? 1, candidate.shape[axis] ?? 1];
  const [shorter, longer] = a < b ? [query, candidate] : [candidate, query];
  const full = shorter.data.length / Math.min(a, b);
  const affordable = samplingStep(Math.min(a, b), Math.max(a, b), full);
  const step = affordable ?? samplingStep(1, 1, full) ?? 1;
  const [own, other] = [unitVectors(shorter, axis, step), unitVectors(longer, axis, step)];
  if (own.width !== other.width || own.count === 0) return undefined;
  const guesses = guessUnits(query, candidate, axis, pool, tensor);
  const price = Math.log(guesses.length + 1);
  const tried = guesses.map((units) => rate(own, other, units, price));
  const isSettled = tried.some(({ isSure }) => isSure) || affordable === undefined;
  const searched = isSettled ? [] : search(own, other, axis, larger(a, b), price);
  return [...tried, ...searched]
    .filter(({ correlation, score }) => correlation >= LEAST_CORRELATION && score > LEAST_SCORE)
    .filter(({ units }) => relatedShare(own, other, units.kept) >= LEAST_RELATED)
    .reduce<Rated | undefined>((best, one) => (best && best.score >= one.score ? best : one), undefined);
}

/** Chooses which units a vector kept among the selections that matrices have shown: alone it says too little. */
export function chooseVectorUnits(
  query: WeightArray,
  candidate: WeightArray,
  pool: UnitPool,
  tensor: string,
): ChosenUnits | undefined {
  const guesses = pool.guess(query.shape[0] ?? 1, candidate.shape[0] ?? 1, 0, tensor);
  const rated = guesses.map((units) => ({ units, distance: distanceOf(query, candidate, units) }));
  const [first, ...rest] = rated;
  if (!first) return undefined;
  const { units } = rest.reduce((x, y) => (y.distance < x.distance ? y : x), first);
  return { units, score: 0, logChoices: Math.log(guesses.length), isSure: false };
}

function distanceOf(query: WeightArray, candidate: WeightArray, { larger: side, kept }: AxisUnits): number {
  const [longer, shorter] = side === 'query' ? [query.data, candidate.data] : [candidate.data, query.data];
  return kept.reduce((sum, place, k) => sum + ((shorter[k] ?? 0) - (longer[place] ?? 0)) ** 2, 0);
}

interface Rated extends ChosenUnits {
  readonly correlation: number;
}

function rate(own: UnitVectors, other: UnitVectors, units: AxisUnits, price: number): Rated {
  const correlation = unitCorrelation(own, other, units.kept);
  const unexplained = Math.max(LEAST_UNEXPLAINED, 1 - Math.max(0, correlation) ** 2);
  const evidence = -0.5 * (own.count - 1) * own.width * Math.log(unexplained);
  return { units, correlation, score: evidence - price, logChoices: price, isSure: correlation > SURE };
}

function search(
  own: UnitVectors,
  other: UnitVectors,
  axis: number,
  side: AxisUnits['larger'],
  price: number,
): readonly Rated[] {
  const distances = unitDistances(own, other);
  const rateKept = (kept: Uint32Array) =>
    rate(own, other, { axis, larger: side, size: other.count, kept }, price + logSelections(other.count, kept));
  const ordered = rateKept(matchInOrder(distances, own.count, other.count));
  if (ordered.isSure) return [ordered];
  const free = matchFree(distances, own.count, other.count);
  return free ? [ordered, rateKept(free)] : [ordered];
}
