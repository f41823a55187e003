import { BLOCK, multiplyBlocks, type PackedPoints, packPoints } from './block-products.ts';
import { openTileProducts, TILE, type TileProducts } from './tile-products.ts';

/** Coordinates that are summed between two looks at the bound. */
const STRIDE = 64;
/** What a distance from a product may be off by, relative to the lengths: a thousand roundings of a double, a thousandfold. */
const PRODUCT_ERROR = 1e-9;

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

/** Points, their packed copy and what was found of each. */
interface Search {
  readonly points: readonly Float32Array[];
  readonly packed: PackedPoints;
  readonly lists: readonly NearestList[];
  readonly products: Float64Array;
}

/** Looks at the pairs of two tiles; of one tile with itself when they are the same. */
function visitTile(search: Search, rows: number, columns: number): void {
  const { count } = search.packed;
  const rowEnd = Math.min(rows + TILE, count);
  const columnEnd = Math.min(columns + TILE, count);
  for (let a = rows; a < rowEnd; a += BLOCK) {
    for (let b = rows === columns ? a : columns; b < columnEnd; b += BLOCK) visitBlock(search, a, b);
  }
}

/** The same with the products of whole tiles. */
function visitProducts(search: Search, tiles: TileProducts, rows: number, columns: number): void {
  const products = tiles.multiply(rows, columns);
  const { count } = search.packed;
  const columnEnd = Math.min(columns + TILE, count);
  for (let a = rows; a < Math.min(rows + TILE, count); a++) {
    const row = (a - rows) * TILE - columns;
    for (let b = Math.max(a + 1, columns); b < columnEnd; b++)
      visitPair(search, a, b, products[row + b] ?? 0, tiles.error);
  }
}

function visitBlock(search: Search, rows: number, columns: number): void {
  const { packed, products } = search;
  multiplyBlocks(packed, rows, columns, products);
  for (let i = 0; i < BLOCK * BLOCK; i++) {
    const [a, b] = [rows + (i >> 2), columns + (i & 3)];
    if (a < b) visitPair(search, a, b, products[i] ?? 0, PRODUCT_ERROR);
  }
}

/** Compares two points whose product does not show them to be too far. */
function visitPair({ points, packed, lists }: Search, a: number, b: number, product: number, error: number): void {
  const [point, other, list, otherList] = [points[a], points[b], lists[a], lists[b]];
  if (!point || !other || !list || !otherList) return;
  const lengths = (packed.squares[a] ?? 0) + (packed.squares[b] ?? 0);
  const bound = Math.max(list.bound, otherList.bound);
  if (lengths - 2 * product > bound + error * lengths) return;
  const squared = squaredWithin(point, other, bound);
  if (squared <= list.bound) list.offer(b, squared);
  if (squared <= otherList.bound) otherList.offer(a, squared);
}

/**
 * Finds the `k` nearest of every point, nearest first, exactly. Each pair is looked at once, and most only at their product:
 * strangers are far. Tiles keep the points that are compared in the processor's cache.
 */
export function findNearest(points: readonly Float32Array[], k: number): readonly (readonly Near[])[] {
  const capacity = Math.min(k, points.length - 1);
  const lists = points.map(() => new NearestList(capacity));
  const packed = packPoints(points);
  const products = new Float64Array(BLOCK * BLOCK);
  const search: Search = { points, packed, lists, products };
  const tiles = openTileProducts(packed);
  const visit = (rows: number, columns: number): void =>
    tiles === undefined ? visitTile(search, rows, columns) : visitProducts(search, tiles, rows, columns);
  for (let distance = 0; distance < points.length; distance += TILE) {
    for (let rows = 0; rows + distance < points.length; rows += TILE) visit(rows, rows + distance);
  }
  return lists.map(({ indices, squares }) => indices.map((index, at) => ({ index, squared: squares[at] ?? 0 })));
}

/** Lists of the points that were there before, by their places now; none for a point that is new or that has lost a neighbour. */
function carryOver(
  before: { readonly ids: readonly string[]; readonly near: readonly (readonly Near[])[] },
  ids: readonly string[],
  capacity: number,
): readonly (NearestList | undefined)[] {
  const placeNow = new Map(ids.map((id, place) => [id, place]));
  const placeBefore = new Map(before.ids.map((id, place) => [id, place]));
  return ids.map((id) => {
    const old = before.near[placeBefore.get(id) ?? -1];
    const list = new NearestList(capacity);
    for (const { index, squared } of old ?? []) {
      const place = placeNow.get(before.ids[index] ?? '');
      if (place === undefined) return undefined;
      list.offer(place, squared);
    }
    return old === undefined ? undefined : list;
  });
}

/**
 * As {@link findNearest}, to the last bit, from the lists of an earlier set of points: only points that are new, or that have lost a
 * neighbour, are compared with all. Both lists of ids are ascending, so that ties fall as they would anew.
 *
 * @param before lists of the same `k`
 */
export function updateNearest(
  before: { readonly ids: readonly string[]; readonly near: readonly (readonly Near[])[] },
  ids: readonly string[],
  points: readonly Float32Array[],
  k: number,
): readonly (readonly Near[])[] {
  const capacity = Math.min(k, points.length - 1);
  const carried = carryOver(before, ids, capacity);
  const open = carried.flatMap((list, place) => (list === undefined ? [place] : []));
  if (2 * open.length > points.length) return findNearest(points, k);
  const known = new Set(before.ids);
  const lists = carried.map((list) => list ?? new NearestList(capacity));
  for (const place of open) comparePoint(place, points, lists, carried, !known.has(ids[place] ?? ''));
  return lists.map(({ indices, squares }) => indices.map((index, at) => ({ index, squared: squares[at] ?? 0 })));
}

/** Fills the list of one point; a new one is offered to the carried lists of the others as well. */
function comparePoint(
  place: number,
  points: readonly Float32Array[],
  lists: readonly NearestList[],
  carried: readonly (NearestList | undefined)[],
  isNew: boolean,
): void {
  const [point, own] = [points[place], lists[place]];
  if (point === undefined || own === undefined) return;
  for (const [other, list] of lists.entries()) {
    const otherPoint = points[other];
    if (other === place || otherPoint === undefined) continue;
    const offered = isNew && carried[other] !== undefined ? list : undefined;
    const squared = squaredWithin(point, otherPoint, Math.max(own.bound, offered?.bound ?? 0));
    if (squared <= own.bound) own.offer(other, squared);
    if (offered !== undefined && squared <= offered.bound) offered.offer(place, squared);
  }
}
