import type { WeightArray, WeightSample } from '../tensors/weights.ts';
import type { Named, TensorMatching } from './match-tensors.ts';

/** Correlation of two tensors beyond chance, in standard errors of that of independent values. */
const BEYOND_CHANCE = 6;

/**
 * True where two checkpoints have the same tensors by name and shape, and every matrix resembles the one of its name as it stands: nothing was renamed,
 * moved or turned, as far as some rows of each tell. Most candidates are successors of one run, and need no more than that.
 */
export function isInPlace(query: WeightSample, candidate: WeightSample): boolean {
  if (query.shapes.size !== candidate.shapes.size) return false;
  for (const [name, own] of query.weights) {
    const other = candidate.weights.get(name);
    const isAlike = other !== undefined && areEqual(query.shapes.get(name), candidate.shapes.get(name));
    if (!isAlike || !(own.shape.length < 2 || resembles(own, other))) return false;
  }
  return true;
}

function areEqual(a: readonly number[] = [], b: readonly number[] = []): boolean {
  return a === b || (a.length === b.length && a.every((size, axis) => size === b[axis]));
}

function resembles({ data }: WeightArray, other: WeightArray): boolean {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const x = data[i] ?? 0;
    const y = other.data[i] ?? 0;
    if (x - x !== 0 || y - y !== 0) continue;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab * Math.sqrt(data.length) > BEYOND_CHANCE * Math.sqrt(aa * bb);
}

/** The matching of checkpoints that are in place. @param logChoices of the comparison as a whole */
export function matchInPlace(tensors: readonly Named[], logChoices: number): TensorMatching {
  const pairs = tensors.map(({ name }) => ({ query: name, candidate: name }));
  return {
    pairs,
    blocks: { added: [], repeated: [], dropped: [] },
    reshaped: [],
    onlyQuery: [],
    onlyCandidate: [],
    logChoices,
  };
}
