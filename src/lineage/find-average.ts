import type { ManifestId } from '../objects/ids.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { type Mixture, mixNonNegative, mixSigned, type Part } from './average.ts';
import { withTrajectoryNeighbors } from './candidates.ts';
import type { Case, Ground } from './case.ts';
import { type Vector, vectorOf } from './comparison.ts';
import { isExactCopy } from './exact-copy.ts';
import { latticeResidual } from './tolerance.ts';

/** Rounds of column generation, and candidates that a round adds (lineage.md, A2 step 7). */
const ROUNDS = 6;
const ADDED = 16;
/** Candidates of the ranking that the first round starts from. */
const STARTING = 12;
/** Parents of a signed mixture are looked for among so many of the best. */
const SIGNED_AMONG = 48;
/** A signed mixture has few parents: each one more is a free direction. */
const MOST_SIGNED = 12;
const SIGNED_ROUNDS = 4;
const HALF_EXPLAINED = 0.5;
/** Values that coefficients are solved from; the mixture is then checked on all. */
const SOLVED_VALUES = 1 << 14;
/** An average of f32 weights is off by this, relative to the largest weight, when it was summed in f32. */
const COMPUTED = 2e-6;

export interface Average {
  readonly parents: readonly { readonly id: ManifestId; readonly weight: number }[];
  /** Parents on one trajectory. */
  readonly isOfOneRun: boolean;
}

/** Finds the stored checkpoints that the query is a weighted mean of, if it is one up to rounding. */
export async function findAverage(subject: Case, ground: Ground): Promise<Average | undefined> {
  const { archive } = subject;
  const start = [ground.base, ...ground.ranked.slice(0, STARTING).map(({ id }) => id)];
  const around = withTrajectoryNeighbors(start.slice(0, 2), archive, 6);
  const near = ground.ranked.map(({ id }) => id);
  let pool = unique([...start, ...around, ...near]);
  let last = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const mixture = await mix(subject, ground, pool, mixNonNegative);
    if (await explains(subject, ground, mixture)) return toAverage(subject, mixture);
    if (mixture.relativeResidual > 0.999 * last) break;
    last = mixture.relativeResidual;
    const next = moreColumns(subject, mixture, pool);
    if (next.length === 0) break;
    pool = unique([ground.base, ...mixture.parts.map(({ key }) => key), ...next]);
  }
  return findSigned(subject, ground, unique([...start, ...around, ...near]).slice(0, SIGNED_AMONG));
}

/** Adds columns while most of the query's difference from its base is explained: noise and training of its own are not. */
async function findSigned(subject: Case, ground: Ground, start: readonly ManifestId[]): Promise<Average | undefined> {
  let pool = [...start];
  for (let round = 0; round < SIGNED_ROUNDS; round++) {
    const mixture = await mix(subject, ground, pool, mixSigned);
    if (mixture.parts.length <= MOST_SIGNED && (await explains(subject, ground, mixture)))
      return toAverage(subject, mixture);
    if (mixture.relativeResidual > HALF_EXPLAINED) return undefined;
    pool = unique([...pool, ...moreColumns(subject, mixture, pool, Math.abs)]);
  }
  return undefined;
}

const unique = (ids: readonly ManifestId[]): ManifestId[] => [...new Set(ids)];

type Mixer = (query: Vector, base: Part<ManifestId>, others: readonly Part<ManifestId>[]) => Mixture<ManifestId>;

async function mix(subject: Case, { base, comparison }: Ground, pool: readonly ManifestId[], mixer: Mixer) {
  const partOf = async (id: ManifestId) => ({
    key: id,
    vector: thin(vectorOf(await subject.weightsOf(id), comparison)),
  });
  const others: Part<ManifestId>[] = [];
  for (const id of pool) if (id !== base) others.push(await partOf(id));
  return mixer(thin(vectorOf(subject.frame.sample, comparison)), await partOf(base), others);
}

/** Every k-th value, so that about SOLVED_VALUES remain. */
function thin(vector: Vector): Vector {
  const step = Math.floor(vector.length / SOLVED_VALUES);
  if (step < 2) return vector;
  return Float64Array.from({ length: Math.floor(vector.length / step) }, (_, i) => vector[i * step] ?? 0);
}

/** The members whose difference from the best fit points along what the mixture leaves, by their sketches. */
function moreColumns(
  { archive, query }: Case,
  { parts }: Mixture<ManifestId>,
  pool: readonly ManifestId[],
  size = (score: number) => score,
): ManifestId[] {
  const rest = Float64Array.from(query.summary.sketch);
  const centre = new Float64Array(rest.length);
  for (const { key, weight } of parts) {
    const { sketch } = archive.member(key).summary;
    for (let i = 0; i < rest.length; i++) {
      rest[i] = (rest[i] ?? 0) - weight * (sketch[i] ?? 0);
      centre[i] = (centre[i] ?? 0) + weight * (sketch[i] ?? 0);
    }
  }
  const scored = archive.members
    .filter(
      ({ id, summary }) => summary.space === query.summary.space && summary !== query.summary && !pool.includes(id),
    )
    .map(({ id, summary }) => ({ id, score: size(cosineFrom(centre, summary.sketch, rest)) }));
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, ADDED)
    .map(({ id }) => id);
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
async function explains(subject: Case, ground: Ground, { parts }: Mixture<ManifestId>): Promise<boolean> {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  if (parts.length < 2 || Math.abs(total - 1) > 0.02) return false;
  const mixed = await mixedWeights(subject, ground.names, parts);
  const roundings = new Map(
    [...ground.roundings].map(([name, r]) => [name, { ...r, computed: r.computed + COMPUTED }]),
  );
  if (!isExactCopy(subject.frame.sample, mixed, ground.names, roundings, ground.comparison.masks)) return false;
  // On a lattice half a step forgives much: what rounding leaves is uniform, and nothing else is.
  const { mean, count } = latticeResidual(subject.frame.sample, mixed, ground.roundings);
  return count === 0 || mean <= 1 / 3 + 4 * Math.sqrt(4 / 45 / count) + 0.005;
}

async function mixedWeights(
  subject: Case,
  names: readonly string[],
  parts: readonly { readonly key: ManifestId; readonly weight: number }[],
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
