import { headsOf, type PlacedTensor, product, spaceOf, stridesOf } from './placed-tensors.ts';

/**
 * Most units of one space that the kinship test looks at; wider spaces are sampled with a stride, which keeps the test exact (a subgroup of the
 * permutations; docs/lineage.md, section 2) and its cost bounded: 128 x 128 pairs a matrix.
 */
const MAX_UNITS = 128;
/** Most feature columns of one tensor that the kinship test looks at. */
const MAX_TENSOR_FEATURES = 1024;

/** One permutable axis of a grid. `within`: heads whose means are taken out; units move inside their head, and heads as a whole. */
export interface GridAxis {
  readonly space: string;
  readonly size: number;
  readonly within?: number;
}

/** A tensor arranged for the kinship test: permutable axes first, in the order of their spaces, then all other axes as one. */
export interface Grid {
  readonly axes: readonly GridAxis[];
  readonly features: number;
  /** Row-major in (axes..., features). */
  readonly values: Float64Array;
}

/** Arranges a placed tensor, sampling wide axes; heads stay one axis, their number in `heads`. */
export function gridOf(tensor: PlacedTensor): Grid & { readonly heads: readonly number[] } {
  const strides = stridesOf(tensor.shape);
  const hidden = hiddenAxes(tensor);
  const data = isUnsureSquare(tensor) ? withoutMeanDiagonal(tensor) : tensor.data;
  const picked = hidden.map((axis) => sampleUnits(tensor.shape[axis] ?? 0, headsOf(tensor.labels[axis])));
  const rows = outerSum(hidden.map((axis, i) => scaled(picked[i]?.units ?? [], strides[axis] ?? 1)));
  const columns = sample(outerSum(featureOffsets(tensor, strides)), MAX_TENSOR_FEATURES);
  return {
    axes: hidden.map((axis, i) => ({ space: spaceOf(tensor.labels[axis]) ?? '', size: picked[i]?.units.length ?? 0 })),
    heads: picked.map((pick) => pick.heads),
    features: columns.length,
    values: gather(data, rows, columns),
  };
}

/** Whether the first two axes have one size but not one space: a second touch that the graph missed would show on the diagonal. */
function isUnsureSquare(tensor: PlacedTensor): boolean {
  const [out, into] = tensor.shape;
  return out !== undefined && out > 1 && out === into && spaceOf(tensor.labels[0]) !== spaceOf(tensor.labels[1]);
}

/**
 * The values less their mean diagonal. Independent recurrent nets that start from the identity share it: treated as two spaces, they reach a Z of
 * 21.8 with the diagonal and -.01 without (docs/lineage.md, section 3). Costs one of n * n degrees of freedom where the axes are indeed two spaces.
 */
function withoutMeanDiagonal(tensor: PlacedTensor): Float32Array {
  const n = tensor.shape[0] ?? 0;
  const inner = product(tensor.shape.slice(2));
  const data = tensor.data.slice();
  for (let k = 0; k < inner; k++) {
    let mean = 0;
    for (let i = 0; i < n; i++) mean += (data[i * (n + 1) * inner + k] ?? 0) / n;
    for (let i = 0; i < n; i++) data[i * (n + 1) * inner + k] = (data[i * (n + 1) * inner + k] ?? 0) - mean;
  }
  return data;
}

/** Axis numbers of the hidden axes, ordered by space; two axes of one space come last. */
function hiddenAxes(tensor: PlacedTensor): number[] {
  const spaces = tensor.labels.map(spaceOf);
  const axes = spaces.flatMap((space, axis) => (space === null ? [] : [axis]));
  const count = (axis: number) => spaces.filter((space) => space === spaces[axis]).length;
  return axes.sort((a, b) => count(a) - count(b) || compareText(spaces[a] ?? '', spaces[b] ?? '') || a - b);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Evenly spaced units, equally many of every head that is taken. */
function sampleUnits(size: number, heads: number): { readonly units: number[]; readonly heads: number } {
  const perHead = size / heads;
  const takenHeads = sample(range(heads), Math.max(1, Math.floor(MAX_UNITS / Math.min(perHead, 2))));
  const inHead = sample(range(perHead), Math.max(2, Math.floor(MAX_UNITS / takenHeads.length)));
  return { units: takenHeads.flatMap((head) => inHead.map((unit) => head * perHead + unit)), heads: takenHeads.length };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function sample(items: readonly number[], most: number): number[] {
  if (items.length <= most) return [...items];
  return range(most).map((i) => items[Math.floor((i * items.length) / most)] ?? 0);
}

function scaled(items: readonly number[], factor: number): number[] {
  return items.map((item) => item * factor);
}

function featureOffsets(tensor: PlacedTensor, strides: readonly number[]): number[][] {
  return tensor.shape.flatMap((size, axis) =>
    spaceOf(tensor.labels[axis]) === null ? [scaled(range(size), strides[axis] ?? 1)] : [],
  );
}

function outerSum(lists: readonly (readonly number[])[]): number[] {
  return lists.reduce<number[]>((sums, list) => sums.flatMap((sum) => list.map((item) => sum + item)), [0]);
}

function gather(data: Float32Array, rows: readonly number[], columns: readonly number[]): Float64Array {
  const out = new Float64Array(rows.length * columns.length);
  let next = 0;
  for (const row of rows) {
    for (const column of columns) out[next++] = data[row + column] ?? 0;
  }
  return out;
}

/** Values before, along and after one axis of a grid: `outer` x `size` x `inner`. */
export function spanOf(
  grid: Grid,
  axis: number,
): { readonly outer: number; readonly size: number; readonly inner: number } {
  const sizes = grid.axes.map((a) => a.size);
  const inner = product(sizes.slice(axis + 1)) * grid.features;
  return { outer: product(sizes.slice(0, axis)), size: sizes[axis] ?? 1, inner };
}

/** Subtracts, in place, the mean along one axis (of every head, for an axis inside heads). */
export function centreAxis(grid: Grid, axis: number): void {
  const { outer, size, inner } = spanOf(grid, axis);
  const groups = grid.axes[axis]?.within ?? 1;
  centreGroups(grid.values, outer * groups, size / groups, inner);
}

function centreGroups(values: Float64Array, outer: number, size: number, inner: number): void {
  const sums = new Float64Array(inner);
  for (let o = 0; o < outer; o++) {
    const start = o * size * inner;
    sums.fill(0);
    for (let u = 0; u < size; u++) {
      const at = start + u * inner;
      for (let k = 0; k < inner; k++) sums[k] = (sums[k] ?? 0) + (values[at + k] ?? 0);
    }
    for (let u = 0; u < size; u++) {
      const at = start + u * inner;
      for (let k = 0; k < inner; k++) values[at + k] = (values[at + k] ?? 0) - (sums[k] ?? 0) / size;
    }
  }
}

export function energyOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}
