import type { ManifestId } from '../objects/ids.ts';
import type { Weights } from '../tensors/weights.ts';
import { refit } from './average.ts';
import type { Case, Ground } from './case.ts';
import { vectorOf } from './comparison.ts';
import type { Average } from './find-average.ts';
import { gridSpacing } from './grid.ts';

/** Share of every matrix's values that must be the base's own: merges that take differences one by one leave some out. */
const LEAST_EQUAL = 0.01;
const MOST_EQUAL = 0.995;
/** Share of the changed values that have a parent's most common factor. */
const LEAST_COMMON = 0.05;
const MOST_PARENTS = 3;
/** Buckets of factors, and how wide they are. */
const REACH = 12;
const WIDTH = 0.004;
/** A sum of f32 is off by this, relative to its terms. */
const TOLERANCE = 4e-6;
/** Differences that rounding hides say nothing of their factor; and so many that do are needed. */
const LEAST_DIFFERENCE = 1e-3;
const LEAST_TOLD = 32;
/** A difference of one spacing of a smaller float type is 1 or 0 times any other of one. */
const MORE_THAN_NEIGHBOURS = 1.01;
const EXPLAINED = 0.98;

interface Parent {
  readonly id: ManifestId;
  readonly weights: Weights;
  readonly factor: number;
  readonly common: number;
}

/**
 * Finds a merge that takes the differences of its parents from a base value by value (trimmed, elected by sign, dropped at random): every value is the base's, or
 * the base's plus the difference of a parent, of several, or their mean, each times one factor.
 */
export async function findSparseMerge(subject: Case, ground: Ground): Promise<Average | undefined> {
  const query = subject.frame.sample;
  const matrices = ground.names.filter((name) => (query.get(name)?.shape.length ?? 0) > 1);
  const ids = ground.ranked.map(({ id }) => id);
  const base = await findBase(subject, ids, matrices);
  if (base === undefined) return undefined;
  const from = await subject.weightsOf(base);
  const least = leastDifference(ground);
  const parents: Parent[] = [];
  for (const id of ids) {
    const weights = id === base ? undefined : await subject.weightsOf(id);
    const found = weights && commonFactor({ query, base: from, parent: weights }, matrices, least);
    if (found && weights) parents.push({ id, weights, ...found });
  }
  parents.sort((a, b) => b.common - a.common);
  for (let count = 1; count <= Math.min(MOST_PARENTS, parents.length); count++) {
    const chosen = parents.slice(0, count);
    if (explains(query, from, chosen, matrices)) return weigh(subject, ground, base, chosen);
  }
  return undefined;
}

async function findBase(
  subject: Case,
  ids: readonly ManifestId[],
  names: readonly string[],
): Promise<ManifestId | undefined> {
  let best: { readonly id: ManifestId; readonly share: number } | undefined;
  for (const id of ids) {
    const weights = await subject.weightsOf(id);
    const shares = names.map((name) => equalShare(subject.frame.sample.get(name)?.data, weights.get(name)?.data));
    const share = Math.min(...shares);
    const isSparse = share >= LEAST_EQUAL && shares.every((one) => one <= MOST_EQUAL);
    if (isSparse && share > (best?.share ?? 0)) best = { id, share };
  }
  return best?.id;
}

function equalShare(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (!a || a.length === 0 || a.length !== b?.length) return 0;
  let equal = 0;
  let told = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] === 0 && b[i] === 0) continue;
    told++;
    if (a[i] === b[i]) equal++;
  }
  return equal / Math.max(told, 1);
}

/** The least difference that says something of its factor, relative to the value. */
function leastDifference({ roundings }: Ground): number {
  const spacings = [...roundings.values()].flatMap(({ grid }) =>
    grid ? MORE_THAN_NEIGHBOURS * gridSpacing(grid) : [],
  );
  return Math.max(LEAST_DIFFERENCE, ...spacings);
}

/** The factor that most of the differences from the base have, where it stands out. */
function commonFactor(
  { query, base, parent }: Readonly<Record<'query' | 'base' | 'parent', Weights>>,
  names: readonly string[],
  least: number,
): Pick<Parent, 'factor' | 'common'> | undefined {
  const counts = new Uint32Array(Math.ceil((2 * REACH) / WIDTH));
  const sums = new Float64Array(counts.length);
  let total = 0;
  for (const name of names) {
    const [q, b, m] = [query, base, parent].map((weights) => weights.get(name)?.data);
    if (!q || b?.length !== q.length || m?.length !== q.length) return undefined;
    for (let i = 0; i < q.length; i++) {
      const [x, from, to] = [q[i] ?? 0, b[i] ?? 0, m[i] ?? 0];
      if (x === from || Math.abs(to - from) < least * Math.abs(from)) continue;
      total++;
      const factor = (x - from) / (to - from);
      const bucket = Math.floor((factor + REACH) / WIDTH);
      if (bucket < 0 || bucket >= counts.length) continue;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      sums[bucket] = (sums[bucket] ?? 0) + factor;
    }
  }
  if (total < LEAST_TOLD) return undefined;
  const top = counts.indexOf(counts.reduce((a, b) => Math.max(a, b), 0));
  const near = [top - 1, top, top + 1];
  const sumOf = (values: Uint32Array | Float64Array) => near.reduce((sum, at) => sum + (values[at] ?? 0), 0);
  const [count, around] = [sumOf(counts), (counts[top - 4] ?? 0) + (counts[top + 4] ?? 0)];
  const common = count / Math.max(total, 1);
  return common >= LEAST_COMMON && count > 4 * around ? { factor: sumOf(sums) / count, common } : undefined;
}

/** Nearly every value that is not the base's is that with the differences of some of the parents, or the mean of these, added. */
function explains(query: Weights, base: Weights, parents: readonly Parent[], names: readonly string[]): boolean {
  let [found, total] = [0, 0];
  for (const name of names) {
    const [q, b] = [query.get(name)?.data, base.get(name)?.data];
    const others = parents.map(({ weights }) => weights.get(name)?.data);
    if (!q || !b) return false;
    for (let i = 0; i < q.length; i++) {
      const from = b[i] ?? 0;
      if (q[i] === from) continue;
      total++;
      const differences = parents.map(({ factor }, at) => factor * ((others[at]?.[i] ?? 0) - from));
      if (isSumOfSome((q[i] ?? 0) - from, differences, TOLERANCE * (Math.abs(from) + Math.abs(q[i] ?? 0)))) found++;
    }
  }
  return found >= EXPLAINED * total;
}

function isSumOfSome(value: number, differences: readonly number[], tolerance: number): boolean {
  for (let chosen = 0; chosen < 1 << differences.length; chosen++) {
    let [sum, count, size] = [0, 0, 0];
    differences.forEach((difference, at) => {
      if ((chosen & (1 << at)) === 0) return;
      sum += difference;
      size += Math.abs(difference);
      count++;
    });
    const reach = tolerance + 1e-4 * size;
    if (Math.abs(value - sum) <= reach || (count > 1 && Math.abs(value - sum / count) <= reach)) return true;
  }
  return false;
}

async function weigh(
  subject: Case,
  { comparison }: Ground,
  base: ManifestId,
  parents: readonly Parent[],
): Promise<Average> {
  const ids = [base, ...parents.map(({ id }) => id)];
  const parts = [];
  for (const id of ids) parts.push({ key: id, vector: vectorOf(await subject.weightsOf(id), comparison) });
  const solved = refit(vectorOf(subject.frame.sample, comparison), parts);
  const runs = new Set(ids.map((id) => subject.archive.member(id).trajectory ?? id));
  return { parents: solved.parts.map(({ key, weight }) => ({ id: key, weight })), isOfOneRun: runs.size === 1 };
}
