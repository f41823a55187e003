import { createExactIndex } from './exact-index.ts';
import { createHnswIndex } from './hnsw-index.ts';
import type { NeighborIndex } from './neighbor-index.ts';

/**
 * Vectors from which on an approximate index is made. Below it the exact one answers faster than a process starts, and building
 * it costs nothing (npm run bench, "neighbors").
 */
export const EXACT_LIMIT = 5000;

/**
 * Creates an empty index for about `expectedSize` vectors: exact while that is fast, else HNSW, where it is installed.
 *
 * @param createApproximate makes the HNSW index; `undefined` from it means that there is none
 */
export function createNeighborIndex(
  dimension: number,
  expectedSize: number,
  createApproximate: (dimension: number, capacity: number) => NeighborIndex | undefined = createHnswIndex,
): NeighborIndex {
  const approximate = expectedSize > EXACT_LIMIT ? createApproximate(dimension, expectedSize) : undefined;
  return approximate ?? createExactIndex(dimension);
}
