import type { ManifestId } from '../objects/ids.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { type Mixture, mixNonNegative, mixSigned, nameMixture, type Part, refit } from './average.ts';
import { othersInSpace, withTrajectoryNeighbors } from './candidates.ts';
import type { Case, Ground } from './case.ts';
import { thinVectorOf, totalCompared, type Vector } from './comparison.ts';
import { isExactCopy } from './exact-copy.ts';
import { followsMixture } from './follows-mixture.ts';
import { roundingResidual } from './tolerance.ts';
import { COMPUTED, precisionOf } from './value-precision.ts';

/** Candidates of the ranking that the first round starts from. */
const STARTING = 12;
/** Parents of a signed mixture are looked for among so many of the best. */
const SIGNED_AMONG = 48;
/** Weights that count: of rounded values the solution holds a few per cent that are noise. */
const LEAST_WEIGHTS = [0.01, 0.001] as const;
/** More parents than this are no mixture worth naming. */
const MOST_PARENTS = 64;
/** A signed mixture has few parents: each one more is a free direction. */
const MOST_SIGNED = 12;
/** Sketches that least squares runs over, well below their length; and parents that it may name. */
const SKETCHED = 400;
const NAMED = 32;
/** Share of the base's residual that a signed mixture of the nearest may leave. */
const HALF_EXPLAINED = 0.5;
/** Of what the base leaves, a mixture that explains the query leaves less. */
const NEARLY_ALL = 0.95;
/** Values that coefficients are solved from; the mixture is then checked on all. */
const SOLVED_VALUES = 1 << 14;
/** Coefficients solved from rounded values are off by thousandths, and so, relative to the largest weight, is the mixture by less. */
const COMPUTED_WHERE_ROUNDED = 1e-3;

export interface Average {
  readonly parents: readonly { readonly id: ManifestId; readonly weight: number }[];
  /** Parents on one trajectory. */
  readonly isOfOneRun: boolean;
}

/** A ground with how much each compared value counts; all alike where absent. */
interface Weighed extends Ground {
  readonly precision?: Vector;
}

/**
 * Finds the stored checkpoints that the query is a weighted mean of, if it is one up to rounding. Where some tensors were rounded and others not,
 * the others know the coefficients far better: every value first weighs by what it was rounded to.
 */
export async function findAverage(subject: Case, ground: Ground): Promise<Average | undefined> {
  const precision = precisionOf(subject.frame.sample, ground);
  return (await findWeighed(subject, ground)) ?? (precision && (await findWeighed(subject, { ...ground, precision })));
}

async function findWeighed(subject: Case, ground: Weighed): Promise<Average | undefined> {
  const { archive } = subject;
  const start = [ground.base, ...ground.ranked.slice(0, STARTING).map(({ id }) => id)];
  const around = withTrajectoryNeighbors(start.slice(0, 2), archive, 6);
  const near = ground.ranked.map(({ id }) => id);
  const wide = unique([...start, ...around, ...near]);
  const first = await accept(subject, ground, await mix(subject, ground, wide, mixNonNegative));
  if (first) return first;
  const named = nameParts(subject, ground.base);
  const second = await accept(
    subject,
    ground,
    await mix(subject, ground, unique([ground.base, ...named]), mixNonNegative),
  );
  return second ?? findSigned(subject, ground, wide.slice(0, SIGNED_AMONG));
}

/** Drops what weighs next to nothing, solves again, and asks whether the mixture is the query: the fewest parents first. */
async function accept(subject: Case, ground: Weighed, mixture: Mixture<ManifestId>): Promise<Average | undefined> {
  for (const least of LEAST_WEIGHTS) {
    const kept = mixture.parts.filter(({ weight }) => Math.abs(weight) >= least);
    if (kept.length < 2 || kept.length > MOST_PARENTS) continue;
    const parts: Part<ManifestId>[] = [];
    for (const { key } of kept) parts.push(await partOf(subject, ground, key));
    const solved = refit(valuesOf(subject.frame.sample, ground), parts);
    if (await explains(subject, ground, solved)) return toAverage(subject, solved);
  }
  return undefined;
}

async function partOf(subject: Case, ground: Weighed, id: ManifestId): Promise<Part<ManifestId>> {
  return { key: id, vector: valuesOf(await subject.weightsOf(id), ground) };
}

/** The values that coefficients are solved from: every k-th, so that about SOLVED_VALUES remain. */
function valuesOf(weights: Weights, { comparison, precision }: Weighed): Vector {
  const step = Math.max(1, Math.floor(totalCompared(comparison) / SOLVED_VALUES));
  const vector = thinVectorOf(weights, comparison, step);
  return precision ? vector.map((x, i) => x * (precision[i * step] ?? 0)) : vector;
}

/** The parents by the sketches of all members of the space. */
function nameParts({ archive, query }: Case, base: ManifestId): readonly ManifestId[] {
  const sketches = othersInSpace(query.summary, archive).map(({ id, summary }) => ({
    key: id,
    sketch: summary.sketch,
  }));
  return nameMixture(query.summary.sketch, archive.member(base).summary.sketch, sketches).slice(0, NAMED);
}

/**
 * Looks for a mixture of either sign when most of the query's difference from its base is explained (noise and training of its own are not):
 * sketches are linear, so that least squares over many of them names the parents, and the weights give the coefficients.
 */
async function findSigned(subject: Case, ground: Weighed, start: readonly ManifestId[]): Promise<Average | undefined> {
  const first = await mix(subject, ground, start, mixSigned);
  const found = first.parts.length <= MOST_SIGNED ? await accept(subject, ground, first) : undefined;
  if (found || first.relativeResidual > HALF_EXPLAINED) return found;
  const named = namedBySketches(subject, ground, start);
  const second = await mix(subject, ground, unique([ground.base, ...named]), mixSigned);
  return second.parts.length <= MOST_SIGNED ? accept(subject, ground, second) : undefined;
}

function namedBySketches(subject: Case, ground: Ground, start: readonly ManifestId[]): ManifestId[] {
  const { archive, query } = subject;
  const centre = { parts: [{ key: ground.base, weight: 1 }], relativeResidual: 1 };
  const wide = unique([
    ...start,
    ...moreColumns(subject, centre, start, SKETCHED - start.length, Math.abs).map(({ id }) => id),
  ]);
  const part = (id: ManifestId): Part<ManifestId> => ({
    key: id,
    vector: Float64Array.from(archive.member(id).summary.sketch),
  });
  const others = wide.filter((id) => id !== ground.base).map(part);
  const { parts } = mixSigned(Float64Array.from(query.summary.sketch), part(ground.base), others);
  return [...parts]
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, NAMED)
    .map(({ key }) => key);
}

const unique = (ids: readonly ManifestId[]): ManifestId[] => [...new Set(ids)];

type Mixer = (query: Vector, base: Part<ManifestId>, others: readonly Part<ManifestId>[]) => Mixture<ManifestId>;

async function mix(subject: Case, ground: Weighed, pool: readonly ManifestId[], mixer: Mixer) {
  const others: Part<ManifestId>[] = [];
  for (const id of pool) if (id !== ground.base) others.push(await partOf(subject, ground, id));
  const query = valuesOf(subject.frame.sample, ground);
  return mixer(query, await partOf(subject, ground, ground.base), others);
}

/** The members whose difference from the best fit points along what the mixture leaves (`size` of its cosine), by their sketches. */
function moreColumns(
  { archive, query }: Pick<Case, 'archive' | 'query'>,
  { parts }: Mixture<ManifestId>,
  pool: readonly ManifestId[],
  count: number,
  size = (cosine: number) => cosine,
): readonly { readonly id: ManifestId; readonly score: number }[] {
  const rest = Float64Array.from(query.summary.sketch);
  const centre = new Float64Array(rest.length);
  for (const { key, weight } of parts) {
    const { sketch } = archive.member(key).summary;
    for (let i = 0; i < rest.length; i++) {
      rest[i] = (rest[i] ?? 0) - weight * (sketch[i] ?? 0);
      centre[i] = (centre[i] ?? 0) + weight * (sketch[i] ?? 0);
    }
  }
  const scored = othersInSpace(query.summary, archive)
    .filter(({ id }) => !pool.includes(id))
    .map(({ id, summary }) => ({ id, score: size(cosineFrom(centre, summary.sketch, rest)) }));
  return scored.sort((a, b) => b.score - a.score).slice(0, count);
}

function cosineFrom(centre: Float64Array, sketch: Float32Array, direction: Float64Array): number {
  let product = 0;
  let length = 0;
  for (let i = 0; i < centre.length; i++) {
    const d = (sketch[i] ?? 0) - (centre[i] ?? 0);
    product += d * (direction[i] ?? 0);
    length += d * d;
  }
  return length > 0 ? product / Math.sqrt(length) : 0;
}

/** Two parents or more whose coefficients sum to one, and the mixture is the query up to rounding. */
async function explains(subject: Case, ground: Ground, mixture: Mixture<ManifestId>): Promise<boolean> {
  const { parts } = mixture;
  // One that leaves what the base leaves says no more than the base does.
  if (mixture.relativeResidual > NEARLY_ALL) return false;
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  if (parts.length < 2 || Math.abs(total - 1) > 0.02) return false;
  const first = ground.names.filter((name) => isMatrix(subject, name)).slice(0, 1);
  const isLikely = first.length === 0 || (await isMixture(subject, ground, first, parts));
  return isLikely && isMixture(subject, ground, ground.names, parts);
}

const isMatrix = ({ frame }: Case, name: string): boolean => (frame.sample.get(name)?.shape.length ?? 0) > 1;

/** Whether the named tensors are the mixture's. One matrix settles it nearly always. */
async function isMixture(
  subject: Case,
  ground: Ground,
  names: readonly string[],
  parts: Mixture<ManifestId>['parts'],
): Promise<boolean> {
  const mixed = await mixedWeights(subject, names, parts);
  const rounded = roundingResidual(subject.frame.sample, mixed, ground.roundings, ground.comparison.masks);
  // What rounding leaves is uniform, a third of the squared half spacing in the mean, and nothing else is.
  if (rounded && rounded.ratio > 1 / 3 + 4 * rounded.spread + 0.02) return false;
  const allowed = isRounded(ground) ? COMPUTED_WHERE_ROUNDED : COMPUTED;
  const roundings = new Map([...ground.roundings].map(([name, r]) => [name, { ...r, computed: r.computed + allowed }]));
  const { masks } = ground.comparison;
  if (!isExactCopy(subject.frame.sample, mixed, names, roundings, masks)) return false;
  const parents = await Promise.all(parts.map(({ key }) => subject.weightsOf(key)));
  return followsMixture(subject.frame.sample, mixed, parents, ground.roundings, masks);
}

function isRounded({ roundings }: Ground): boolean {
  return [...roundings.values()].some(({ halfSteps, grid }) => halfSteps !== undefined || grid !== undefined);
}

async function mixedWeights(
  subject: Case,
  names: readonly string[],
  parts: Mixture<ManifestId>['parts'],
): Promise<Weights> {
  const sums = new Map<string, { shape: readonly number[]; data: Float64Array }>();
  for (const { key, weight } of parts) {
    const weights = await subject.weightsOf(key);
    for (const name of names) {
      const tensor = weights.get(name);
      if (!tensor) continue;
      const sum = sums.get(name) ?? { shape: tensor.shape, data: new Float64Array(tensor.data.length) };
      for (let i = 0; i < sum.data.length; i++) sum.data[i] = (sum.data[i] ?? 0) + weight * (tensor.data[i] ?? 0);
      sums.set(name, sum);
    }
  }
  return new Map(
    [...sums].map(([name, { shape, data }]): [string, WeightArray] => [name, { shape, data: Float32Array.from(data) }]),
  );
}

function toAverage({ archive }: Case, { parts }: Mixture<ManifestId>): Average {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  const runs = new Set(parts.map(({ key }) => archive.member(key).trajectory ?? key));
  return {
    parents: parts.map(({ key, weight }) => ({ id: key, weight: weight / total })),
    isOfOneRun: runs.size === 1,
  };
}
