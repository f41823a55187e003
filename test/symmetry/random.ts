import type { AxisGraph, AxisLabel } from '../../src/symmetry/axis-graph.ts';
import type { Weights } from '../../src/tensors/weights.ts';

/** A seeded generator of uniform numbers in [0, 1) (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function gaussian(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function shuffled(size: number, random: () => number): Int32Array {
  const order = Int32Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order;
}

export type Shapes = Readonly<Record<string, readonly number[]>>;

export function randomWeights(shapes: Shapes, seed: number): Weights {
  const next = gaussian(uniform(seed));
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return [name, { shape, data: Float32Array.from({ length: size }, next) }];
    }),
  );
}

/** Sum of two checkpoints, the second times a factor. */
export function plus(a: Weights, b: Weights, factor: number): Weights {
  return new Map(
    [...a].map(([name, { shape, data }]) => {
      const other = b.get(name)?.data;
      return [name, { shape, data: data.map((value, i) => value + factor * (other?.[i] ?? 0)) }];
    }),
  );
}

export function graphOf(labels: Readonly<Record<string, readonly AxisLabel[]>>): AxisGraph {
  const tensors = new Map(Object.entries(labels).map(([name, axes]) => [name, { labels: axes }]));
  return { tensors, source: 'names', rescalable: new Set(), unplaced: [] };
}

/** A random order for every space of a graph, moving heads as wholes and units inside their head. */
export function randomUnits(graph: AxisGraph, weights: Weights, random: () => number): Map<string, Int32Array> {
  const units = new Map<string, Int32Array>();
  for (const [name, { labels, reshape }] of graph.tensors) {
    const shape = reshape ?? weights.get(name)?.shape ?? [];
    for (const [axis, label] of labels.entries()) {
      if (label === null) continue;
      const [space, heads] = typeof label === 'string' ? [label, 1] : [label.space, label.heads];
      if (!units.has(space)) units.set(space, shuffledHeads(shape[axis] ?? 0, heads, random));
    }
  }
  return units;
}

function shuffledHeads(size: number, heads: number, random: () => number): Int32Array {
  const perHead = size / heads;
  const order = [...shuffled(heads, random)].flatMap((h) => [...shuffled(perHead, random)].map((u) => h * perHead + u));
  return Int32Array.from(order);
}
