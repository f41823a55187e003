import { elementCount } from '../tensors/dtype.ts';

/**
 * The axes of a shape in canonical order: axes of size 1 left out, the others stably sorted by size. A tensor and its transpose
 * have one canonical order (unless two axes are equally long), as have channels-first and channels-last kernels.
 */
export function canonicalAxes(shape: readonly number[]): readonly number[] {
  const axes = shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  return axes.sort((a, b) => (shape[a] ?? 1) - (shape[b] ?? 1) || a - b);
}

/** The sizes of the axes of a shape in canonical order; empty for a single value. */
export function canonicalShape(shape: readonly number[]): readonly number[] {
  return canonicalAxes(shape).map((axis) => shape[axis] ?? 1);
}

/** Of shapes that were asked for; files of a hundred thousand tensors have few. */
const keys = new Map<string, string>();
const MOST_KEYS = 1024;

/** The sizes in canonical order, joined by "x": one string for all tensors of a shape. */
export function canonicalKey(shape: readonly number[]): string {
  const stored = shape.join('x');
  const known = keys.get(stored);
  if (known !== undefined) return known;
  if (keys.size >= MOST_KEYS) keys.clear();
  const key = canonicalShape(shape).join('x');
  keys.set(stored, key);
  return key;
}

/** The two axes of a tensor that are units of layers, and the elements of the others (kernel positions). */
export interface UnitAxes {
  readonly rows: number;
  readonly columns: number;
  readonly positions: number;
}

const isUniform = (sizes: readonly number[]): boolean => sizes.every((size) => size === sizes[0]);

/**
 * Tells a kernel that stands first (width, in, out) from one that stands last: the uniform one (3 × 3), else the smaller one.
 * The answer is the same for both layouts of one tensor, whatever the file says about its axes, except where they tie.
 */
function hasLeadingKernel(shape: readonly number[]): boolean {
  const kernelRank = shape.length - 2;
  const leading = shape.slice(0, kernelRank);
  const trailing = shape.slice(2);
  const uniform = kernelRank > 1 ? Number(isUniform(leading)) - Number(isUniform(trailing)) : 0;
  return uniform === 0 ? elementCount(leading) < elementCount(trailing) : uniform > 0;
}

/** Finds the unit axes of a matrix or kernel from its shape alone; `undefined` for vectors and single values. */
export function findUnitAxes(shape: readonly number[]): UnitAxes | undefined {
  if (canonicalAxes(shape).length < 2) return undefined;
  const first = shape.length > 2 && shape.length <= 5 && hasLeadingKernel(shape) ? shape.length - 2 : 0;
  const units = (shape[first] ?? 1) * (shape[first + 1] ?? 1);
  return { rows: first, columns: first + 1, positions: elementCount(shape) / units };
}
