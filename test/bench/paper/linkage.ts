import type { Join } from '../../../src/charts/svg/dendrogram.ts';

export type Linkage = 'single' | 'average';

/** Distances between all pairs: row i, column j at i × n + j. */
export interface Distances {
  readonly count: number;
  readonly values: Float64Array;
}

/** Euclidean distances between all pairs of vectors. */
export function distancesBetween(vectors: readonly Float32Array[]): Distances {
  const count = vectors.length;
  const values = new Float64Array(count * count);
  for (const [i, a] of vectors.entries()) {
    for (let j = i + 1; j < count; j++) {
      const b = vectors[j] ?? a;
      let sum = 0;
      for (let k = 0; k < a.length; k++) sum += ((a[k] ?? 0) - (b[k] ?? 0)) ** 2;
      values[i * count + j] = values[j * count + i] = Math.sqrt(sum);
    }
  }
  return { count, values };
}

/** What is joined next: the two clusters that are nearest. */
function nearestPair(distances: Float64Array, count: number, alive: readonly number[]): readonly [number, number] {
  let best: readonly [number, number] = [0, 0];
  let least = Number.POSITIVE_INFINITY;
  for (const i of alive) {
    for (const j of alive) {
      const distance = distances[i * count + j] ?? 0;
      if (j > i && distance < least) [best, least] = [[i, j], distance];
    }
  }
  return best;
}

/** Agglomerative clustering (Lance and Williams, 1967): joins in the order in which they are made. */
export function cluster({ count, values }: Distances, linkage: Linkage): readonly Join[] {
  const distances = values.slice();
  const sizes = new Array<number>(count).fill(1);
  const names = sizes.map((_, i) => i);
  let alive: readonly number[] = names.slice();
  const joins: Join[] = [];
  while (alive.length > 1) {
    const [i, j] = nearestPair(distances, count, alive);
    joins.push({ left: names[i] ?? 0, right: names[j] ?? 0, height: distances[i * count + j] ?? 0 });
    alive = alive.filter((k) => k !== j);
    const [si, sj] = [sizes[i] ?? 1, sizes[j] ?? 1];
    for (const k of alive) {
      const [a, b] = [distances[i * count + k] ?? 0, distances[j * count + k] ?? 0];
      const joined = linkage === 'single' ? Math.min(a, b) : (si * a + sj * b) / (si + sj);
      distances[i * count + k] = distances[k * count + i] = joined;
    }
    sizes[i] = si + sj;
    names[i] = count + joins.length - 1;
  }
  return joins;
}

/** The cluster of each leaf when the last joins are undone until there are `clusters`. */
export function cutInto(joins: readonly Join[], clusters: number): readonly number[] {
  const leaves = joins.length + 1;
  const tops = Array.from({ length: leaves }, (_, i) => i);
  const kept = joins.slice(0, leaves - clusters);
  for (const [i, { left, right }] of kept.entries()) {
    for (const [leaf, top] of tops.entries()) if (top === left || top === right) tops[leaf] = leaves + i;
  }
  return tops;
}
