/** Coordinates that are summed between two looks at the bound. */
const STRIDE = 64;

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
  get bound(): number {
    return this.indices.length < this.capacity ? Number.POSITIVE_INFINITY : (this.squares[this.capacity - 1] ?? 0);
  }

  offer(index: number, squared: number): void {
    let at = this.indices.length;
    while (at > 0 && this.isBefore(squared, index, at - 1)) at--;
    this.indices.splice(at, 0, index);
    this.squares.splice(at, 0, squared);
    if (this.indices.length <= this.capacity) return;
    this.indices.pop();
    this.squares.pop();
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

/**
 * Finds the `k` nearest of every point, nearest first, exactly. Each pair is looked at twice, but most only at their first
 * coordinates: strangers are far. A point's search starts with the neighbours of the point before it, which tightens the
 * bound at once where neighbours in the list are neighbours in space.
 */
export function findNearest(points: readonly Float32Array[], k: number): readonly (readonly Near[])[] {
  let hint: readonly number[] = [];
  return points.map((point, self) => {
    const list = new NearestList(Math.min(k, points.length - 1));
    const seen = new Set<number>([self]);
    const look = (index: number) => {
      const other = points[index];
      if (other === undefined) return;
      const squared = squaredWithin(point, other, list.bound);
      if (squared <= list.bound) list.offer(index, squared);
    };
    for (const index of hint) {
      if (seen.has(index)) continue;
      seen.add(index);
      look(index);
    }
    for (let index = 0; index < points.length; index++) if (!seen.has(index)) look(index);
    hint = [self, ...list.indices];
    return list.indices.map((index, at) => ({ index, squared: list.squares[at] ?? 0 }));
  });
}
