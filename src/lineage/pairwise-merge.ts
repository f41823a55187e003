import type { ManifestId } from '../objects/ids.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import type { Case, Ground } from './case.ts';
import { comparedCount, dot, thinVectorOf, type Vector } from './comparison.ts';
import { isExactCopy } from './exact-copy.ts';
import type { Average } from './find-average.ts';
import { followsMixture } from './follows-mixture.ts';
import { roundingResidual } from './tolerance.ts';
import { COMPUTED } from './value-precision.ts';

/** Candidates of which two may be the parents; and matrices that say which. */
const CANDIDATES = 32;
const MATRICES = 3;
/** Values of a matrix that are looked at, evenly spread: a pair that explains them is then checked on all. */
const LOOKED_AT = 1 << 14;
/** Of the query, squared, what a pair leaves where the query may have been rounded to bf16; whoever leaves more is no parent. */
const MOST_LEFT = 2 ** -12;
/** Both parents must count for something. */
const LEAST_WEIGHT = 0.01;

interface Pair {
  readonly first: ManifestId;
  readonly second: ManifestId;
}

/**
 * Finds two stored checkpoints that the query is a mixture of tensor by tensor, each with two coefficients of its own: a spherical interpolation, whose
 * coefficients depend on the angle between the tensors and add up to a little more than one, or an interpolation by layers.
 */
export async function findPairwiseMerge(subject: Case, ground: Ground): Promise<Average | undefined> {
  const pair = await nameParents(subject, ground);
  if (!pair) return undefined;
  const query = subject.frame.sample;
  const [a, b] = [await subject.weightsOf(pair.first), await subject.weightsOf(pair.second)];
  const mixed = new Map<string, WeightArray>();
  let [weight, total] = [0, 0];
  for (const name of ground.names) {
    const [own, x, y] = [query.get(name), a.get(name), b.get(name)];
    if (!own || x?.data.length !== own.data.length || y?.data.length !== own.data.length) return undefined;
    const { first, second } = solvePair(own.data, x.data, y.data);
    mixed.set(name, { shape: own.shape, data: x.data.map((value, i) => first * value + second * (y.data[i] ?? 0)) });
    if (first + second === 0) continue;
    weight += (own.data.length * first) / (first + second);
    total += own.data.length;
  }
  const share = weight / Math.max(total, 1);
  if (Math.min(share, 1 - share) < LEAST_WEIGHT || !explains(subject, ground, mixed, [a, b])) return undefined;
  const runs = new Set([pair.first, pair.second].map((id) => subject.archive.member(id).trajectory ?? id));
  return {
    parents: [
      { id: pair.first, weight: share },
      { id: pair.second, weight: 1 - share },
    ],
    isOfOneRun: runs.size === 1,
  };
}

function explains(
  { frame }: Case,
  { names, roundings, comparison }: Ground,
  mixed: Weights,
  parents: readonly Weights[],
): boolean {
  const rounded = roundingResidual(frame.sample, mixed, roundings, comparison.masks);
  if (rounded && rounded.ratio > 1 / 3 + 4 * rounded.spread + 0.02) return false;
  const rules = new Map([...roundings].map(([name, rule]) => [name, { ...rule, computed: rule.computed + COMPUTED }]));
  return (
    isExactCopy(frame.sample, mixed, names, rules, comparison.masks) &&
    followsMixture(frame.sample, mixed, parents, roundings, comparison.masks)
  );
}

/** The pair that leaves the least of the largest matrices. */
async function nameParents(subject: Case, { ranked, names, comparison }: Ground): Promise<Pair | undefined> {
  const query = subject.frame.sample;
  const matrices = names.filter((name) => (query.get(name)?.shape.length ?? 0) > 1);
  matrices.sort((a, b) => (query.get(b)?.data.length ?? 0) - (query.get(a)?.data.length ?? 0));
  const asked = matrices.slice(0, MATRICES);
  const ids = ranked.slice(0, CANDIDATES).map(({ id }) => id);
  const thin = (weights: Weights, name: string): Vector => {
    const alone = { ...comparison, names: [name] };
    return thinVectorOf(weights, alone, Math.max(1, Math.floor(comparedCount(comparison, name) / LOOKED_AT)));
  };
  const others: Weights[] = [];
  for (const id of ids) others.push(await subject.weightsOf(id));
  const left = asked.map((name) =>
    leftOfPairs(
      thin(query, name),
      others.map((weights) => thin(weights, name)),
    ),
  );
  let best: (Pair & { readonly left: number }) | undefined;
  ids.forEach((first, i) => {
    ids.slice(i + 1).forEach((second, k) => {
      const most = Math.max(...left.map((of) => of(i, i + 1 + k)));
      if (most < (best?.left ?? MOST_LEFT)) best = { first, second, left: most };
    });
  });
  return best;
}

/** What each pair, the first of the two given first, leaves of a tensor, squared, as a share of it. */
function leftOfPairs(own: Vector, others: readonly Vector[]): (i: number, j: number) => number {
  const square = dot(own, own);
  const products = others.map((data) => dot(own, data));
  const table = others.map((one, i) => others.slice(i).map((other) => dot(one, other)));
  return (i, j) => {
    const [xx, yy, xy] = [table[i]?.[0] ?? 0, table[j]?.[0] ?? 0, table[i]?.[j - i] ?? 0];
    const [xq, yq] = [products[i] ?? 0, products[j] ?? 0];
    const determinant = xx * yy - xy * xy;
    if (!(determinant > 1e-9 * xx * yy)) return Number.POSITIVE_INFINITY;
    const explained = (xq * xq * yy - 2 * xq * yq * xy + yq * yq * xx) / determinant;
    return Math.max(0, square - explained) / square;
  };
}

/** Least squares on the second and on the difference of the two, which conditions alike parents better. */
function solvePair(own: Float32Array, x: Float32Array, y: Float32Array) {
  let [yy, yd, dd, yq, dq] = [0, 0, 0, 0, 0];
  for (let i = 0; i < own.length; i++) {
    const [q, v] = [own[i] ?? 0, y[i] ?? 0];
    const d = (x[i] ?? 0) - v;
    yy += v * v;
    yd += v * d;
    dd += d * d;
    yq += v * q;
    dq += d * q;
  }
  const determinant = yy * dd - yd * yd;
  if (!(determinant > 0)) return { first: 0, second: yy > 0 ? yq / yy : 0 };
  const [sum, first] = [(yq * dd - dq * yd) / determinant, (dq * yy - yq * yd) / determinant];
  return { first, second: sum - first };
}
