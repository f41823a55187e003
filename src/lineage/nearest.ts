/** Coordinates that are summed between two looks at the bound. */
const STRIDE = 64;
/** Points whose pairs are visited together: two tiles of sketches are half a megabyte. */
const TILE = 64;

export interface Near {
  readonly index: number;
  /** Squared Euclidean distance. */
  readonly squared: number;
}

/** The best `capacity` seen so far, by distance and then by index, so that ties do not depend on the order of arrival. */
class NearestList {
  readonly indices: number[] = [];
  readonly squares: number[] = [];
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Beyond this distance nothing enters. */
  bound = Number.POSITIVE_INFINITY;

  offer(index: number, squared: number): void {
    let at = this.indices.length;
    while (at > 0 && this.isBefore(squared, index, at - 1)) at--;
    this.indices.splice(at, 0, index);
    this.squares.splice(at, 0, squared);
    if (this.indices.length > this.capacity) {
      this.indices.pop();
      this.squares.pop();
    }
    if (this.indices.length === this.capacity) this.bound = this.squares[this.capacity - 1] ?? this.bound;
  }

  private isBefore(squared: number, index: number, at: number): boolean {
    const other = this.squares[at] ?? 0;
    return squared < other || (squared === other && index < (this.indices[at] ?? 0));
  }
}

/** Squared distance, given up as soon as it passes the bound: a partial sum of squares never exceeds the whole. */
function squaredWithin(a: Float32Array, b: Float32Array, bound: number): number {
  let sum = 0;
  for (let start = 0; start < a.length; start += STRIDE) {
    const end = Math.min(start + STRIDE, a.length);
    for (let i = start; i < end; i++) {
      const d = (a[i] ?? 0) - (b[i] ?? 0);
      sum += d * d;
    }
    if (sum > bound) return Number.POSITIVE_INFINITY;
  }
  return sum;
}

/** Looks at the pairs of two tiles; of one tile with itself when they are the same. */
function visitTile(
  points: readonly Float32Array[],
  lists: readonly NearestList[],
  rows: number,
  columns: number,
): void {
  const rowEnd = Math.min(rows + TILE, points.length);
  const columnEnd = Math.min(columns + TILE, points.length);
  for (let a = rows; a < rowEnd; a++) {
    const [point, list] = [points[a], lists[a]];
    if (point === undefined || list === undefined) continue;
    for (let b = rows === columns ? a + 1 : columns; b < columnEnd; b++) {
      const [other, otherList] = [points[b], lists[b]];
      if (other === undefined || otherList === undefined) continue;
      const squared = squaredWithin(point, other, Math.max(list.bound, otherList.bound));
      if (squared <= list.bound) list.offer(b, squared);
      if (squared <= otherList.bound) otherList.offer(a, squared);
    }
  }
}

/**
 * Finds the `k` nearest of every point, nearest first, exactly. Each pair is looked at once, and most only at their first coordinates:
 * strangers are far. Tiles keep the points that are compared in the processor's cache.
 */
export function findNearest(points: readonly Float32Array[], k: number): readonly (readonly Near[])[] {
  const capacity = Math.min(k, points.length - 1);
  const lists = points.map(() => new NearestList(capacity));
  for (let distance = 0; distance < points.length; distance += TILE) {
    for (let rows = 0; rows + distance < points.length; rows += TILE) visitTile(points, lists, rows, rows + distance);
  }
  return lists.map(({ indices, squares }) => indices.map((index, at) => ({ index, squared: squares[at] ?? 0 })));
}
