import type { WeightSample, Weights } from './weights.ts';

/** The shapes of weights by name, read off them: a table of their own would be as large as that of the weights. */
export function shapesOf(weights: Weights): WeightSample['shapes'] {
  return { size: weights.size, get: (name) => weights.get(name)?.shape };
}
