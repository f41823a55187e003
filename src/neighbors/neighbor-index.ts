/** A stored vector that is near a query. */
export interface Neighbor {
  readonly key: string;
  /** Cosine of the two vectors, -1 to 1; 0 when one of them is all zero. */
  readonly cosine: number;
}

/** Finds the most similar vectors of one space. Derived data: may be thrown away and rebuilt at any time. */
export interface NeighborIndex {
  readonly size: number;
  has(key: string): boolean;
  /** Adds a vector, or replaces the one of that key. */
  add(key: string, vector: Float32Array): void;
  /** Removes a vector; one that is not there is no error. */
  remove(key: string): void;
  /** The `k` most similar, best first; fewer when the index holds fewer. */
  search(vector: Float32Array, k: number): readonly Neighbor[];
}
