import type { AxisGraph } from '../../src/symmetry/axis-graph.ts';
import { transformUnits } from '../../src/symmetry/transform-units.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createGaussian, createRandom } from './alter.ts';

/** Permutes the units of every hidden space, and flips or rescales them, without changing what the network computes. */
export function reorderUnits(
  weights: Weights,
  graph: AxisGraph,
  options: { readonly seed: number; readonly flip?: boolean; readonly scale?: number },
): Weights {
  const random = createRandom(options.seed);
  const gaussian = createGaussian(options.seed);
  const units = new Map<string, Int32Array>();
  const factors = new Map<string, Float64Array>();
  for (const [space, size] of spacesOf(weights, graph)) {
    units.set(space, shuffled(size, random));
    const sign = () => (options.flip && random() < 0.5 ? -1 : 1);
    factors.set(
      space,
      Float64Array.from({ length: size }, () => sign() * Math.exp((options.scale ?? 0) * gaussian())),
    );
  }
  return transformUnits(weights, graph, { units, factors });
}

function spacesOf(weights: Weights, graph: AxisGraph): ReadonlyMap<string, number> {
  const spaces = new Map<string, number>();
  for (const [name, { labels, reshape }] of graph.tensors) {
    const shape = reshape ?? weights.get(name)?.shape ?? [];
    labels.forEach((label, axis) => {
      if (typeof label === 'string') spaces.set(label, shape[axis] ?? 0);
    });
  }
  return spaces;
}

function shuffled(size: number, random: () => number): Int32Array {
  const order = Int32Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order;
}
