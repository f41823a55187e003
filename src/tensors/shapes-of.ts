import type { Weights } from './weights.ts';

type Shape = readonly number[];

/** The shapes of weights, read off them: a table of their own would be as large as that of the weights. */
class ShapesOf implements ReadonlyMap<string, Shape> {
  readonly #weights: Weights;

  constructor(weights: Weights) {
    this.#weights = weights;
  }

  get size(): number {
    return this.#weights.size;
  }

  get(name: string): Shape | undefined {
    return this.#weights.get(name)?.shape;
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  forEach(visit: (shape: Shape, name: string, shapes: ReadonlyMap<string, Shape>) => void): void {
    for (const [name, { shape }] of this.#weights) visit(shape, name, this);
  }

  keys(): MapIterator<string> {
    return this.#weights.keys() as MapIterator<string>;
  }

  *values(): MapIterator<Shape> {
    for (const { shape } of this.#weights.values()) yield shape;
  }

  *entries(): MapIterator<[string, Shape]> {
    for (const [name, { shape }] of this.#weights) yield [name, shape];
  }

  [Symbol.iterator](): MapIterator<[string, Shape]> {
    return this.entries();
  }
}

/** The shapes of weights by name. */
export function shapesOf(weights: Weights): ReadonlyMap<string, Shape> {
  return new ShapesOf(weights);
}
