import { createExactIndex } from './exact-index.ts';
import { createHnswIndex } from './hnsw-index.ts';
import type { NeighborIndex } from './neighbor-index.ts';

/**
 * What HNSW costs, in comparisons of two vectors: to add one, and to answer a query. Measured on trajectories of 1,024 values:
 * .24 to .44 ms and .2 to .3 ms against 1.1 us a comparison.
 */
const COMPARISONS_TO_ADD = 300;
const COMPARISONS_TO_SEARCH = 250;

/** Says whether building a graph pays: the exact index costs nothing to build, and asks every vector every time. */
function isGraphWorthwhile(size: number, queries: number): boolean {
  return size * queries > size * COMPARISONS_TO_ADD + queries * COMPARISONS_TO_SEARCH;
}

/**
 * Creates an empty index: exact, or HNSW where the number of queries pays for building it and hnswlib-node is installed.
 *
 * @param expectedQueries how often it will be asked before it is thrown away
 * @param createApproximate makes the HNSW index; `undefined` from it means that there is none
 */
export function createNeighborIndex(
  dimension: number,
  expectedSize: number,
  expectedQueries = 1,
  createApproximate: (dimension: number, capacity: number) => NeighborIndex | undefined = createHnswIndex,
): NeighborIndex {
  const approximate = isGraphWorthwhile(expectedSize, expectedQueries)
    ? createApproximate(dimension, expectedSize)
    : undefined;
  return approximate ?? createExactIndex(dimension);
}

/**
 * Brings an index that was saved up to date: adds what is missing, removes what is gone. A key's vector never changes.
 *
 * @returns true when anything was, and the index should be saved again
 */
export function updateIndex(
  index: NeighborIndex & { readonly keys: readonly (string | undefined)[] },
  vectors: ReadonlyMap<string, Float32Array>,
): boolean {
  const gone = index.keys.filter((key) => key !== undefined && !vectors.has(key));
  for (const key of gone) if (key !== undefined) index.remove(key);
  const missing = [...vectors].filter(([key]) => !index.has(key));
  for (const [key, vector] of missing) index.add(key, vector);
  return gone.length + missing.length > 0;
}
