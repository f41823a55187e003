import { elementCount } from '../tensors/dtype.ts';
import { canonicalKey } from './canonical-shape.ts';
import type { Summary, TensorSpread, TensorSummary } from './summary.ts';
import { isTelling } from './traits.ts';

const known = new WeakMap<Summary, readonly TensorSpread[]>();

/** The spreads of a summary's weights, constants left out; computed at the first question where it does not bring them along. */
export function spreadsOf(summary: Summary): readonly TensorSpread[] {
  const found = summary.spreads ?? known.get(summary) ?? readSpreads(summary);
  if (summary.spreads === undefined) known.set(summary, found);
  return found;
}

function readSpreads({ tensors }: Summary): readonly TensorSpread[] {
  const spreads: TensorSpread[] = [];
  for (const tensor of tensors) if (tensor.role === 'weight' && isTelling(tensor)) spreads.push(new SpreadOf(tensor));
  return spreads;
}

/** The spread of a tensor, read off its summary when it is asked for. */
class SpreadOf implements TensorSpread {
  readonly #tensor: TensorSummary;

  constructor(tensor: TensorSummary) {
    this.#tensor = tensor;
  }

  get shape(): string {
    return canonicalKey(this.#tensor.shape);
  }

  get elements(): number {
    return elementCount(this.#tensor.shape);
  }

  get mean(): number {
    return this.#tensor.statistics.mean;
  }

  get standardDeviation(): number {
    return this.#tensor.statistics.standardDeviation;
  }

  get kurtosis(): number {
    return this.#tensor.statistics.kurtosis;
  }
}
