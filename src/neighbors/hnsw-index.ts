import type { HierarchicalNSW } from 'hnswlib-node';
import { invariant } from '../assert.ts';
import { createGraph } from './hnswlib.ts';
import type { Neighbor, NeighborIndex } from './neighbor-index.ts';
import { normalizeInto } from './normalize.ts';

/** Links a node, and candidates while linking: more than a run has checkpoints, or runs of strangers stay islands (docs/benchmarks.md). */
const LINKS = 48;
const EF_CONSTRUCTION = 200;
/** Fixed, so that the same insertions give the same graph. */
const SEED = 1;
/** Candidates kept while searching, at least; and as many times what is asked for. */
const EF_LEAST = 1024;
const EF_FACTOR = 4;

/** A graph that can be kept in a file. */
export interface HnswIndex extends NeighborIndex {
  readonly dimension: number;
  /** By label, as the graph's file has them; undefined for a removed one. */
  readonly keys: readonly (string | undefined)[];
  /** Writes the graph, without the keys. */
  write(path: string): Promise<void>;
}

/** Hierarchical navigable small worlds (Malkov and Yashunin, 2018) by hnswlib. Approximate: see the contract test for its recall. */
class GraphIndex implements HnswIndex {
  readonly dimension: number;
  readonly #graph: HierarchicalNSW;
  readonly #keys: (string | undefined)[];
  readonly #labelOf = new Map<string, number>();
  readonly #unit: Float32Array;

  constructor(graph: HierarchicalNSW, keys: readonly (string | undefined)[]) {
    this.#graph = graph;
    this.dimension = graph.getNumDimensions();
    this.#unit = new Float32Array(this.dimension);
    this.#keys = [...keys];
    for (const [label, key] of keys.entries()) if (key !== undefined) this.#labelOf.set(key, label);
  }

  get keys(): readonly (string | undefined)[] {
    return this.#keys;
  }

  get size(): number {
    return this.#labelOf.size;
  }

  has(key: string): boolean {
    return this.#labelOf.has(key);
  }

  /** hnswlib takes nothing but plain arrays. */
  #toUnit(vector: Float32Array): number[] {
    normalizeInto(this.#unit, vector);
    return Array.from(this.#unit);
  }

  add(key: string, vector: Float32Array): void {
    this.remove(key);
    const label = this.#keys.length;
    if (label >= this.#graph.getMaxElements()) this.#graph.resizeIndex(2 * label);
    this.#graph.addPoint(this.#toUnit(vector), label);
    this.#keys.push(key);
    this.#labelOf.set(key, label);
  }

  remove(key: string): void {
    const label = this.#labelOf.get(key);
    if (label === undefined) return;
    this.#graph.markDelete(label);
    this.#labelOf.delete(key);
    this.#keys[label] = undefined;
  }

  search(vector: Float32Array, k: number): readonly Neighbor[] {
    invariant(vector.length === this.dimension, 'a query is as long as the vectors of its index');
    const count = Math.min(k, this.size);
    if (count <= 0) return [];
    this.#graph.setEf(Math.max(EF_LEAST, EF_FACTOR * count));
    const { distances, neighbors } = this.#graph.searchKnn(this.#toUnit(vector), count);
    return neighbors.flatMap((label, i) => {
      const key = this.#keys[label];
      return key === undefined ? [] : [{ key, cosine: 1 - (distances[i] ?? 1) }];
    });
  }

  async write(path: string): Promise<void> {
    await this.#graph.writeIndex(path);
  }
}

/** True when hnswlib-node is not installed, or was built for another Node: then there are no graphs. */
export function isHnswMissing(): boolean {
  return createGraph(1) === undefined;
}

/** Creates an approximate index with room for `capacity` vectors (it grows); `undefined` when hnswlib-node is not installed. */
export function createHnswIndex(dimension: number, capacity: number): HnswIndex | undefined {
  const graph = createGraph(dimension);
  graph?.initIndex(Math.max(1, capacity), LINKS, EF_CONSTRUCTION, SEED);
  return graph === undefined ? undefined : new GraphIndex(graph, []);
}

/**
 * Reads a graph from its file. The caller must have checked that the file is what was written: hnswlib crashes the process on
 * many a damaged one.
 */
export async function readHnswIndex(
  path: string,
  dimension: number,
  keys: readonly (string | undefined)[],
): Promise<HnswIndex | undefined> {
  const graph = createGraph(dimension);
  if (graph === undefined) return undefined;
  await graph.readIndex(path);
  return graph.getCurrentCount() === keys.length ? new GraphIndex(graph, keys) : undefined;
}
