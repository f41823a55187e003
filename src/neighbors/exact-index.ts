import { invariant } from '../assert.ts';
import type { Neighbor, NeighborIndex } from './neighbor-index.ts';
import { normalizeInto } from './normalize.ts';

/** Vectors that there is room for at first; the room doubles when it is used up. */
const FIRST_CAPACITY = 64;

/** Four sums at once: one alone would wait for itself at every step. */
export function dotAt(rows: Float32Array, start: number, query: Float32Array): number {
  const length = query.length;
  const even = length - (length % 4);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < even; i += 4) {
    a += (rows[start + i] ?? 0) * (query[i] ?? 0);
    b += (rows[start + i + 1] ?? 0) * (query[i + 1] ?? 0);
    c += (rows[start + i + 2] ?? 0) * (query[i + 2] ?? 0);
    d += (rows[start + i + 3] ?? 0) * (query[i + 3] ?? 0);
  }
  for (let i = even; i < length; i += 1) a += (rows[start + i] ?? 0) * (query[i] ?? 0);
  return a + b + (c + d);
}

/** Puts a neighbor where it belongs among the best `k`; of equal ones the first stays first. */
export function keepBest(best: Neighbor[], found: Neighbor, k: number): void {
  let at = best.length;
  while (at > 0 && (best[at - 1]?.cosine ?? 0) < found.cosine) at -= 1;
  best.splice(at, 0, found);
  if (best.length > k) best.pop();
}

/** The oracle: compares with every vector. Rows are unit vectors, one after the other in one array. */
class ExactIndex implements NeighborIndex {
  readonly #dimension: number;
  readonly #keys: string[] = [];
  readonly #rowOf = new Map<string, number>();
  readonly #query: Float32Array;
  #rows: Float32Array;

  constructor(dimension: number) {
    this.#dimension = dimension;
    this.#rows = new Float32Array(FIRST_CAPACITY * dimension);
    this.#query = new Float32Array(dimension);
  }

  get size(): number {
    return this.#keys.length;
  }

  has(key: string): boolean {
    return this.#rowOf.has(key);
  }

  add(key: string, vector: Float32Array): void {
    const row = this.#rowOf.get(key) ?? this.#appendRow(key);
    normalizeInto(this.#rows.subarray(row * this.#dimension, (row + 1) * this.#dimension), vector);
  }

  #appendRow(key: string): number {
    const row = this.#keys.length;
    if ((row + 1) * this.#dimension > this.#rows.length) {
      const larger = new Float32Array(2 * this.#rows.length);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#keys.push(key);
    this.#rowOf.set(key, row);
    return row;
  }

  /** The last row takes the place of the one removed. */
  remove(key: string): void {
    const row = this.#rowOf.get(key);
    const last = this.#keys.pop();
    if (row === undefined || last === undefined) {
      if (last !== undefined) this.#keys.push(last);
      return;
    }
    this.#rowOf.delete(key);
    if (last === key) return;
    const from = this.#keys.length * this.#dimension;
    this.#rows.copyWithin(row * this.#dimension, from, from + this.#dimension);
    this.#keys[row] = last;
    this.#rowOf.set(last, row);
  }

  search(vector: Float32Array, k: number): readonly Neighbor[] {
    invariant(vector.length === this.#dimension, 'a query is as long as the vectors of its index');
    normalizeInto(this.#query, vector);
    const best: Neighbor[] = [];
    let worst = Number.NEGATIVE_INFINITY;
    for (const [row, key] of this.#keys.entries()) {
      const cosine = dotAt(this.#rows, row * this.#dimension, this.#query);
      if (k <= 0 || (best.length >= k && cosine <= worst)) continue;
      keepBest(best, { key, cosine }, k);
      worst = best.at(-1)?.cosine ?? worst;
    }
    return best;
  }
}

/** Creates an index that compares a query with every vector: exact, and fast enough for some thousands. */
export function createExactIndex(dimension: number): NeighborIndex {
  return new ExactIndex(dimension);
}
