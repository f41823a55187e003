import { normalize } from '../neighbors/normalize.ts';
import { askWeights } from './ask-weights.ts';
import { DisjointSets } from './disjoint-sets.ts';
import { type ForestMemo, findNearestWith } from './forest-memo.ts';
import type { Archive, Member } from './model.ts';
import { type CosineNull, estimateCosineNull } from './unrelated-cosine.ts';

/** Nearest by cosine that a checkpoint may be joined with. */
const KIN_NEIGHBORS = 16;
/** In piles of up to so many the other side of a mixture is looked for. */
const MOST_LOOKED_FOR = 1024;
/** What the nearest leaves of a checkpoint, as a share of its square, from which on there may be one. */
const UNEXPLAINED = 0.04;
/** Chance that any two unrelated checkpoints of the pile are joined. */
const ALPHA = 0.01;
/**
 * Up to this many times what unrelated permuted copies reach, the weights may object: independent networks can have more in common than that
 * (.09 on average with batch norm, .02 else, measured), which the exact test knows and the null of the cosine does not.
 */
const UNQUESTIONED = 3;
/** Refusals by the weights after which a part of the pile is left alone. */
const MOST_REFUSALS = 3;

/** Two checkpoints that are near each other, by their places in the list. */
interface Pair {
  readonly a: number;
  readonly b: number;
  readonly cosine: number;
}

/** The pairs of near ones, most alike first; ties by place. */
function collectPairs(members: readonly Member[], memo: ForestMemo | undefined): readonly Pair[] {
  const points = members.map(({ summary }) => normalize(summary.centred));
  const near = findNearestWith(
    memo,
    `kin ${members[0]?.summary.space}`,
    members.map(({ id }) => id),
    points,
    KIN_NEIGHBORS,
  );
  const pairs = new Map<number, Pair>();
  near.forEach((neighbors, self) => {
    for (const { index, squared } of neighbors) {
      const [a, b] = self < index ? [self, index] : [index, self];
      const key = a * members.length + b;
      if (pairs.has(key)) continue;
      // Of unit vectors the distance tells the angle.
      pairs.set(key, { a, b, cosine: 1 - squared / 2 });
    }
    const other = points.length > MOST_LOOKED_FOR ? undefined : otherSide(self, neighbors[0]?.index, points);
    if (other === undefined) return;
    const [a, b] = self < other.index ? [self, other.index] : [other.index, self];
    if (!pairs.has(a * members.length + b)) pairs.set(a * members.length + b, { a, b, cosine: other.cosine });
  });
  return [...pairs.values()].sort((x, y) => y.cosine - x.cosine || x.a - y.a || x.b - y.b);
}

const dot = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
};

/** The one most alike to what the nearest leaves of a checkpoint: of a mean of two runs all near ones may be of one of them. */
function otherSide(self: number, nearest: number | undefined, points: readonly Float32Array[]) {
  const [own, first] = [points[self], points[nearest ?? self]];
  if (own === undefined || first === undefined || nearest === undefined) return undefined;
  const share = dot(own, first);
  if (1 - share * share < UNEXPLAINED) return undefined;
  const rest = own.map((x, i) => x - share * (first[i] ?? 0));
  let best: { readonly index: number; readonly alike: number } | undefined;
  for (const [index, point] of points.entries()) {
    if (index === self || index === nearest) continue;
    const alike = dot(rest, point);
    if (best === undefined || alike > best.alike) best = { index, alike };
  }
  return best && { index: best.index, cosine: dot(own, points[best.index] ?? own) };
}

/** Cosines at which a pair is treated differently. */
interface Bounds {
  /** What the best of many unrelated neighbours reach. From here on the weights are asked for proof. */
  readonly doubtful: number;
  /** What no unrelated pair of the pile reaches: joined unless the weights object. */
  readonly likely: number;
  /** Joined without asking. */
  readonly sure: number;
}

function boundsFrom({ mean, standardDeviation }: CosineNull, count: number): Bounds {
  const pairs = Math.max((count * count) / 2, 2);
  // Gaussian tail, Bonferroni over all pairs (lineage.md, B1).
  const reach = standardDeviation * Math.sqrt(2 * Math.log(pairs / ALPHA));
  return {
    doubtful: mean + standardDeviation * Math.sqrt(2 * Math.log(Math.max(count, 2))),
    likely: mean + reach,
    sure: mean + UNQUESTIONED * reach,
  };
}

/** Joins what is related, most alike first; asks the weights where the cosine leaves doubt, a few times for each part. */
async function joinKin(
  pairs: readonly Pair[],
  sets: DisjointSets,
  members: readonly Member[],
  archive: Archive,
  memo: ForestMemo | undefined,
): Promise<void> {
  const bounds = boundsFrom(await estimateCosineNull(members, archive, memo), members.length);
  const refusals = new Map<number, number>();
  const refused = (i: number) => refusals.get(sets.find(i)) ?? 0;
  for (const { a, b, cosine } of pairs) {
    const [first, second] = [members[a], members[b]];
    if (cosine <= bounds.doubtful) return;
    if (first === undefined || second === undefined || sets.find(a) === sets.find(b)) continue;
    if (cosine > bounds.sure) sets.join(a, b);
    else if (Math.min(refused(a), refused(b)) < MOST_REFUSALS) {
      const { verdict } = await askWeights(first, second, archive, cosine, pairs.length, memo);
      if (verdict === 'kin' || (verdict === 'open' && cosine > bounds.likely)) sets.join(a, b);
      else for (const i of [a, b]) refusals.set(sets.find(i), refused(i) + 1);
    }
  }
}

/**
 * Finds which checkpoints of a space are related at all (lineage.md, B1): near ones are joined when their cosine exceeds what
 * unrelated ones reach; where it is doubtful, the weights decide.
 *
 * @returns groups of places in the list, each ascending.
 */
export async function findComponents(
  members: readonly Member[],
  archive: Archive,
  memo?: ForestMemo,
): Promise<readonly (readonly number[])[]> {
  const sets = new DisjointSets(members.length);
  if (members.length < 2) return sets.groups();
  await joinKin(collectPairs(members, memo), sets, members, archive, memo);
  return sets.groups();
}
