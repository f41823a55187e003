import { elementCount } from '../tensors/dtype.ts';
import { canonicalKey } from './canonical-shape.ts';
import type { Summary, TensorSpread } from './summary.ts';
import { isTelling } from './traits.ts';

const known = new WeakMap<Summary, readonly TensorSpread[]>();

/** The spreads of a summary's weights, constants left out; computed at the first question where it does not bring them along. */
export function spreadsOf(summary: Summary): readonly TensorSpread[] {
  const found = summary.spreads ?? known.get(summary) ?? readSpreads(summary);
  if (summary.spreads === undefined) known.set(summary, found);
  return found;
}

function readSpreads({ tensors }: Summary): readonly TensorSpread[] {
  const telling = tensors.filter((tensor) => tensor.role === 'weight' && isTelling(tensor));
  return telling.map(({ shape, statistics: { mean, standardDeviation, kurtosis } }) => ({
    shape: canonicalKey(shape),
    elements: elementCount(shape),
    mean,
    standardDeviation,
    kurtosis,
  }));
}
