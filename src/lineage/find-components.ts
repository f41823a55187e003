import { sketchCosine } from '../sketch/sketch-distance.ts';
import { askWeights } from './ask-weights.ts';
import { DisjointSets } from './disjoint-sets.ts';
import type { Archive, Member } from './model.ts';
import { findNearest } from './nearest.ts';
import { type CosineNull, estimateCosineNull } from './unrelated-cosine.ts';

/** Nearest by cosine that a checkpoint may be joined with. */
const KIN_NEIGHBORS = 16;
/** Chance that any two unrelated checkpoints of the pile are joined. */
const ALPHA = 0.01;
/** Pairs taken to the weights for one part of the pile before it is left alone. */
const MOST_TESTS = 3;

/** Two checkpoints that are near each other, by their places in the list. */
interface Pair {
  readonly a: number;
  readonly b: number;
  readonly cosine: number;
}

function normalize(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / norm);
}

/** The pairs of near ones, most alike first; ties by place. */
function collectPairs(members: readonly Member[]): readonly Pair[] {
  const near = findNearest(
    members.map(({ summary }) => normalize(summary.centred)),
    KIN_NEIGHBORS,
  );
  const pairs = new Map<number, Pair>();
  near.forEach((neighbors, self) => {
    for (const { index } of neighbors) {
      const [a, b] = self < index ? [self, index] : [index, self];
      const key = a * members.length + b;
      if (pairs.has(key)) continue;
      const cosine = sketchCosine(members[a]?.summary.centred ?? EMPTY, members[b]?.summary.centred ?? EMPTY);
      pairs.set(key, { a, b, cosine });
    }
  });
  return [...pairs.values()].sort((x, y) => y.cosine - x.cosine || x.a - y.a || x.b - y.b);
}

const EMPTY = new Float32Array(0);

/** The two cosines between which the weights are asked: what the best of many unrelated reach, and what none of them does. */
function boundsFrom(unrelated: CosineNull, count: number): { readonly doubtful: number; readonly sure: number } {
  const { mean, standardDeviation } = unrelated;
  const pairs = (count * count) / 2;
  return {
    doubtful: mean + standardDeviation * Math.sqrt(2 * Math.log(Math.max(count, 2))),
    // Gaussian tail, Bonferroni over all pairs (lineage.md, B1).
    sure: mean + standardDeviation * Math.sqrt(2 * Math.log(Math.max(pairs, 2) / ALPHA)),
  };
}

/** Takes doubtful pairs to the weights, most alike first, until each part was asked for a few times. */
async function joinByWeights(
  pairs: readonly Pair[],
  sets: DisjointSets,
  members: readonly Member[],
  archive: Archive,
): Promise<void> {
  const tests = new Map<number, number>();
  const asked = (i: number) => tests.get(sets.find(i)) ?? 0;
  for (const { a, b } of pairs) {
    const [first, second] = [members[a], members[b]];
    if (first === undefined || second === undefined || sets.find(a) === sets.find(b)) continue;
    if (Math.min(asked(a), asked(b)) >= MOST_TESTS) continue;
    const { isKin } = await askWeights(first, second, archive, pairs.length);
    if (isKin) sets.join(a, b);
    else for (const i of [a, b]) tests.set(sets.find(i), asked(i) + 1);
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
): Promise<readonly (readonly number[])[]> {
  const sets = new DisjointSets(members.length);
  if (members.length < 2) return sets.groups();
  const pairs = collectPairs(members);
  const { doubtful, sure } = boundsFrom(await estimateCosineNull(members, archive), members.length);
  for (const { a, b, cosine } of pairs) if (cosine > sure) sets.join(a, b);
  await joinByWeights(
    pairs.filter(({ cosine }) => cosine <= sure && cosine > doubtful),
    sets,
    members,
    archive,
  );
  return sets.groups();
}
