import type { ManifestId } from '../objects/ids.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { withTrajectoryNeighbors } from './candidates.ts';
import { type Case, type Ranked, rank } from './case.ts';
import { compareOn } from './comparison.ts';
import { isExactCopy } from './exact-copy.ts';
import { COMPUTED_BY_ALIGNMENT, roundings } from './tolerance.ts';

/** Tensors with fewer values take the factor of the others: one of their own would fit them too easily. */
const LEAST_ALONE = 16;
/** A factor nearer to one than this is rounding. */
const LEAST_CHANGE = 1e-4;
/** Levels on one side of zero below which a factor cannot be read off a lattice. */
const FEWEST_LEVELS = 4;
/** Rounding of f32 keeps even equal tensors this far apart, relative to their size. */
const FLOOR = 6e-8 ** 2;

/** A stored checkpoint that the query is a multiple of. */
export interface Rescaled {
  /** The case with the candidates brought to the query's scale. */
  readonly subject: Case;
  readonly ranked: readonly Ranked[];
  /** The factor of the tensors, or of most of them. */
  readonly factor: number;
  readonly isUniform: boolean;
}

interface Fit {
  readonly id: ManifestId;
  readonly misfit: number;
  readonly factors: ReadonlyMap<string, number>;
  readonly common: number;
}

/** Looks for a candidate that the query is a copy of with its tensors multiplied, all by one factor or each by its own. */
export async function findRescaled(
  subject: Case,
  ranked: readonly Ranked[],
  whereNotZero: boolean,
): Promise<Rescaled | undefined> {
  if (hasFewLevels(subject)) return undefined;
  let best: Fit | undefined;
  for (const { id } of ranked) {
    const fit = fitFactors(subject.frame.sample, id, await subject.weightsOf(id));
    if (fit && (!best || fit.misfit < best.misfit)) best = fit;
  }
  if (!best || (ranked[0] && (await isCopy(subject, ranked[0].id, whereNotZero)))) return undefined;
  for (const isUniform of [true, false]) {
    const scaled = rescaleCase(subject, best, isUniform);
    if (!isMoved(best, isUniform) || !(await isCopy(scaled, best.id, whereNotZero))) continue;
    const ids = [best.id, ...withTrajectoryNeighbors([best.id], subject.archive)];
    return { subject: scaled, ranked: await rank(scaled, [...new Set(ids)]), factor: best.common, isUniform };
  }
  return undefined;
}

/** Rounded to so few levels that any factor would fit. */
function hasFewLevels({ facts, frame }: Case): boolean {
  return [...facts].some(([name, { lattice }]) => {
    const largest = frame.sample.get(name)?.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0) ?? 0;
    const half = lattice?.halfSteps.reduce((most, x) => Math.max(most, x), 0) ?? 0;
    return half > 0 && largest < 2 * FEWEST_LEVELS * half;
  });
}

function isMoved({ factors, common }: Fit, isUniform: boolean): boolean {
  const own = isUniform ? [common] : [...factors.values()];
  return own.every((factor) => factor > 0) && own.some((factor) => Math.abs(factor - 1) > LEAST_CHANGE);
}

/** The factors of least squares, and twice the negative log likelihood ratio that they leave (likelihood.ts). */
function fitFactors(query: Weights, id: ManifestId, candidate: Weights): Fit | undefined {
  const factors = new Map<string, number>();
  let misfit = 0;
  for (const [name, { data }] of query) {
    const other = candidate.get(name)?.data;
    if (!other || other.length !== data.length) continue;
    const { product, power, own, count } = productsOf(data, other);
    if (count < LEAST_ALONE || power === 0 || own === 0) continue;
    factors.set(name, product / power);
    misfit += count * Math.log(Math.max(0, own - product ** 2 / power) / own + FLOOR);
  }
  const sorted = [...factors.values()].sort((a, b) => a - b);
  const common = sorted[sorted.length >> 1];
  return common === undefined ? undefined : { id, misfit, factors, common };
}

function productsOf(a: Float32Array, b: Float32Array) {
  let product = 0;
  let power = 0;
  let own = 0;
  let count = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    if (x === 0 || x * y - x * y !== 0) continue;
    count++;
    product += x * y;
    power += y * y;
    own += x * x;
  }
  return { product, power, own, count };
}

function rescaleCase(subject: Case, { factors, common }: Fit, isUniform: boolean): Case {
  const kept = new Map<ManifestId, Promise<Weights>>();
  const factorOf = (name: string) => (isUniform ? common : (factors.get(name) ?? common));
  const load = async (id: ManifestId) => {
    const weights = [...(await subject.weightsOf(id))];
    return new Map(weights.map(([name, tensor]) => [name, multiply(tensor, factorOf(name))]));
  };
  return {
    ...subject,
    weightsOf(id) {
      const weights = kept.get(id) ?? load(id);
      kept.set(id, weights);
      return weights;
    },
  };
}

function multiply({ shape, data }: WeightArray, factor: number): WeightArray {
  return { shape, data: data.map((x) => x * factor) };
}

/** Every tensor that both have is a copy; a head that was replaced beside the scaling is for nobody to tell apart. */
async function isCopy(scaled: Case, id: ManifestId, whereNotZero: boolean): Promise<boolean> {
  const query = scaled.frame.sample;
  const candidate = await scaled.weightsOf(id);
  const names = [...query.keys()].filter((name) => query.get(name)?.data.length === candidate.get(name)?.data.length);
  const { masks } = compareOn(query, names, whereNotZero);
  return isExactCopy(query, candidate, names, roundings(scaled.facts, query, COMPUTED_BY_ALIGNMENT), masks);
}
