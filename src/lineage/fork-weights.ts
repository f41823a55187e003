import type { ManifestId } from '../objects/ids.ts';
import type { Weights } from '../tensors/weights.ts';
import { BRANCH_START, chooseExtension, marginOf, squaredToCombination } from './forks.ts';
import type { Archive } from './model.ts';

/** Keeps the logarithm finite where a candidate lies exactly on the extension. */
const LEAST_SHARE = 1e-12;

export interface WeighedFork {
  /** Place of the best among the candidates. */
  readonly best: number;
  /** As in {@link marginOf}, the mean over the tensors. */
  readonly margin: number;
}

/** The matrices that all of these checkpoints hold in one shape. */
function sharedMatrices(all: readonly Weights[]): readonly string[] {
  const [first = new Map<string, never>(), ...others] = all;
  return [...first].flatMap(([name, { shape }]) => {
    const isShared = others.every((weights) => weights.get(name)?.shape.join() === shape.join());
    return isShared && shape.length >= 2 ? [name] : [];
  });
}

const NOTHING = new Float32Array(0);

/** Squared distances between all of the checkpoints in one tensor. */
function tableOf(all: readonly Weights[], name: string): (a: number, b: number) => number {
  const values = all.map((weights) => weights.get(name)?.data ?? NOTHING);
  const table = values.map((a) => values.map((b) => (a === b ? 0 : squaredOf(a, b))));
  return (a, b) => table[a]?.[b] ?? 0;
}

function squaredOf(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    if (Number.isFinite(d)) sum += d * d;
  }
  return sum;
}

/** Squared distance of the extended branch to each candidate in one tensor. */
function missesIn(branch: readonly number[], candidates: readonly number[], squared: (a: number, b: number) => number) {
  const extension = chooseExtension(branch, squared);
  return candidates.map((candidate) => Math.max(squaredToCombination(squared, branch, extension, candidate), 0));
}

/**
 * Chooses among the best fork candidates on the weights themselves: every tensor has its own unknown noise, so the misses count
 * by their logarithms (lineage.md, A2).
 *
 * @param branch its checkpoints from the first on.
 */
export async function weighForkCandidates(
  branch: readonly ManifestId[],
  candidates: readonly ManifestId[],
  archive: Archive,
): Promise<WeighedFork | undefined> {
  const start = branch.slice(0, BRANCH_START);
  const all: Weights[] = [];
  for (const id of [...start, ...candidates]) all.push(await archive.weights(id));
  const inBranch = start.map((_, i) => i);
  const inCandidates = candidates.map((_, i) => start.length + i);
  const scores = new Float64Array(candidates.length);
  const tensors = sharedMatrices(all).map((name) => {
    const squared = tableOf(all, name);
    const misses = missesIn(inBranch, inCandidates, squared);
    const count = all[0]?.get(name)?.data.length ?? 0;
    misses.forEach((miss, i) => {
      scores[i] = (scores[i] ?? 0) + count * Math.log(miss + LEAST_SHARE * squared(0, start.length));
    });
    return { count, squared, misses };
  });
  const [best, second] = [...scores.keys()].sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b);
  if (tensors.length === 0 || best === undefined) return undefined;
  if (second === undefined) return { best, margin: 1 };
  let sum = 0;
  let weight = 0;
  for (const { count, squared, misses } of tensors) {
    const gain = (misses[second] ?? 0) - (misses[best] ?? 0);
    sum += count * marginOf(gain, squared(start.length + best, start.length + second));
    weight += count;
  }
  return { best, margin: sum / weight };
}
