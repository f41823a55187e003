import type { WeightArray } from '../tensors/weights.ts';

/** How a tensor is cut into equal slices: seen as `before` blocks of `count` slices each. */
export interface Cut {
  readonly before: number;
  readonly count: number;
  /** Shape of a slice. */
  readonly part: readonly number[];
}

/** One slice of a tensor that holds several of another file's. */
export interface Slice extends Cut {
  readonly at: number;
  /** Shape of the whole. */
  readonly whole: readonly number[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Copies every block of a slice from one array to another; the two keep them `strides` apart. */
function copyBlocks(
  { before, part }: Slice,
  from: { readonly data: Float32Array; readonly start: number; readonly stride: number },
  to: { readonly data: Float32Array; readonly start: number; readonly stride: number },
): void {
  const block = sizeOf(part) / before;
  for (let b = 0; b < before; b++) {
    const start = from.start + b * from.stride;
    to.data.set(from.data.subarray(start, start + block), to.start + b * to.stride);
  }
}

function placesOf(slice: Slice) {
  const block = sizeOf(slice.part) / slice.before;
  return { inWhole: { start: slice.at * block, stride: slice.count * block }, alone: { start: 0, stride: block } };
}

/** Takes a slice out of a tensor. */
export function takeSlice({ data }: WeightArray, slice: Slice): WeightArray {
  const taken = new Float32Array(sizeOf(slice.part));
  const { inWhole, alone } = placesOf(slice);
  copyBlocks(slice, { data, ...inWhole }, { data: taken, ...alone });
  return { shape: slice.part, data: taken };
}

/** Puts a slice into its place in the whole. */
export function putSlice(part: WeightArray, slice: Slice, whole: Float32Array): void {
  const { inWhole, alone } = placesOf(slice);
  copyBlocks(slice, { data: part.data, ...alone }, { data: whole, ...inWhole });
}
