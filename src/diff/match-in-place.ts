import type { WeightArray, WeightSample } from '../tensors/weights.ts';
import { findBlockChanges } from './block-changes.ts';
import type { Named, TensorMatching } from './match-tensors.ts';

/** Correlation of two tensors beyond chance, in standard errors of that of independent values. */
const BEYOND_CHANCE = 6;

/**
 * True where two checkpoints have the same tensors by name and shape, and every matrix resembles the one of its name as it stands: nothing was renamed,
 * moved or turned, as far as some rows of each tell. Most candidates are successors of one run, and need no more than that.
 */
export function isInPlace(query: WeightSample, candidate: WeightSample): boolean {
  if (query.shapes.size !== candidate.shapes.size) return false;
  return [...query.weights].every(([name, own]) => {
    const other = candidate.weights.get(name);
    const isAlike = query.shapes.get(name)?.join() === candidate.shapes.get(name)?.join();
    return other !== undefined && isAlike && (own.shape.length < 2 || resembles(own, other));
  });
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
  const blocks = findBlockChanges(pairs, tensors, tensors);
  return { pairs, blocks, reshaped: [], onlyQuery: [], onlyCandidate: [], logChoices };
}
