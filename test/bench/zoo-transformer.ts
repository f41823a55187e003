import type { Weights } from '../../src/tensors/weights.ts';
import { createRandom, shuffled } from '../zoo/random.ts';
import type { Example, Optimizer } from './small-net.ts';
import { SmallTransformer } from './small-transformer.ts';

const BATCH = 20;
/** 11,386 parameters: 7 × 7 patches of an image of 14 × 14, two blocks of four heads. */
export const TRANSFORMER = { side: 14, patch: 7, width: 24, heads: 4, hidden: 48, blocks: 2, classes: 10 };

interface Plan {
  readonly seed: number;
  readonly epochs: number;
  readonly start?: Weights;
  /** Parameters that stay as they are. */
  readonly isFrozen?: (name: string) => boolean;
}

/** Copies the parameters of a transformer. */
export function takeWeights(model: SmallTransformer): Weights {
  return new Map(
    model.parameters.map(({ name, shape, parameter }) => [name, { shape, data: parameter.values.slice() }]),
  );
}

/** Trains a small vision transformer; its checkpoints have the names and shapes of timm's. */
export function trainTransformer(plan: Plan, examples: readonly Example[], optimize: Optimizer): readonly Weights[] {
  const model = new SmallTransformer(TRANSFORMER, plan.seed);
  for (const { name, parameter } of model.parameters) {
    const data = plan.start?.get(name)?.data;
    if (data !== undefined) parameter.values.set(data);
  }
  const random = createRandom(plan.seed + 1);
  const checkpoints = plan.start === undefined ? [takeWeights(model)] : [];
  for (let epoch = 0; epoch < plan.epochs; epoch++) {
    const order = shuffled(examples.length, random);
    for (let at = 0; at < order.length; at += BATCH) {
      const batch = Array.from(order.subarray(at, at + BATCH)).flatMap((n) => examples[n] ?? []);
      model.trainOn(batch, optimize, plan.isFrozen);
    }
    checkpoints.push(takeWeights(model));
  }
  return checkpoints;
}
