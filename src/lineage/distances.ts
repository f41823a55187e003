/** Rows of distances that are kept, in numbers: 64 MB. */
const CACHED_NUMBERS = 8 << 20;

/** Distances between the checkpoints of one component, computed when they are asked for. */
export interface Distances {
  readonly count: number;
  /** Squared Euclidean distance. */
  squared(a: number, b: number): number;
  /** Euclidean distance. */
  length(a: number, b: number): number;
  /** Squared distances of one checkpoint to all; kept while there is room. */
  row(a: number): Float64Array;
}

/** Squared Euclidean distance of two vectors of one even length. */
export function squaredDistance(a: Float32Array, b: Float32Array): number {
  let even = 0;
  let odd = 0;
  for (let i = 0; i < a.length; i += 2) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    const e = (a[i + 1] ?? 0) - (b[i + 1] ?? 0);
    even += d * d;
    odd += e * e;
  }
  return even + odd;
}

/** Makes the table of distances between sketches; memory is bounded whatever their number. */
export function createDistances(points: readonly Float32Array[]): Distances {
  const count = points.length;
  const rows = new Map<number, Float64Array>();
  const most = Math.floor(CACHED_NUMBERS / Math.max(count, 1));
  const holdsAll = count <= most;
  const empty = new Float32Array(0);
  const point = (i: number) => points[i] ?? empty;

  function row(a: number): Float64Array {
    const known = rows.get(a);
    if (known !== undefined) return known;
    const made = new Float64Array(count);
    for (let b = 0; b < count; b++) made[b] = rows.get(b)?.[a] ?? squaredDistance(point(a), point(b));
    if (rows.size >= most) rows.delete(rows.keys().next().value ?? a);
    rows.set(a, made);
    return made;
  }

  function squared(a: number, b: number): number {
    if (holdsAll) return row(a)[b] ?? 0;
    return rows.get(a)?.[b] ?? rows.get(b)?.[a] ?? squaredDistance(point(a), point(b));
  }

  return { count, squared, row, length: (a, b) => Math.sqrt(squared(a, b)) };
}
