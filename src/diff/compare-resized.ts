import type { Weights } from '../tensors/weights.ts';
import { cutToCommon } from './axis-units.ts';
import { compareTensors, type TensorChange } from './compare-tensors.ts';
import { describeResized, type ShapeOf } from './describe-resized.ts';
import { findResized } from './find-resized.ts';
import type { TensorMatching } from './match-tensors.ts';

/** A tensor of another size than the one it answers to, compared in what both have. */
export interface ResizedChange extends TensorChange {
  /** Which of its rows or columns come from where. */
  readonly note: string;
}

/** Compares the tensors of a matching that differ in size, and have units in common, in those. */
export function compareResized(
  query: Weights,
  candidate: Weights,
  matching: TensorMatching,
  shapes: { readonly query: ShapeOf; readonly candidate: ShapeOf },
): readonly ResizedChange[] {
  const unpaired = { query: matching.onlyQuery, candidate: matching.onlyCandidate };
  const { pairs } = findResized(matching.reshaped, unpaired, query, candidate);
  return pairs.flatMap((pair) => {
    const [a, b] = [query.get(pair.query), candidate.get(pair.candidate)];
    if (!a || !b) return [];
    const own = new Map([[pair.query, cutToCommon(a, 'query', pair.axes)]]);
    const other = new Map([[pair.candidate, cutToCommon(b, 'candidate', pair.axes)]]);
    const note = describeResized(pair, shapes.query, shapes.candidate);
    return compareTensors(own, other, [pair]).map((change) => ({ ...change, status: 'reshaped' as const, note }));
  });
}
