import { elementCount } from '../../tensors/dtype.ts';

/** How a tensor lies in its storage: element `i, j, ...` is at `offset + i * strides[0] + j * strides[1] + ...`, in elements. */
export interface Layout {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** PyTorch has no tensors of more axes. */
const MAX_RANK = 64;

/** Says which rule a layout breaks in a storage of `available` elements; `undefined` when none. */
export function findLayoutFault(layout: Layout, available: number): string | undefined {
  const { offset, shape, strides } = layout;
  if (shape.length !== strides.length) return 'a tensor must have a stride for every axis';
  if (shape.length > MAX_RANK) return `a tensor must not have more than ${MAX_RANK} axes`;
  if (!Number.isSafeInteger(elementCount(shape.filter((size) => size > 0)))) return 'a shape must be countable';
  if (elementCount(shape) === 0) return undefined;
  const end = offset + spanLength(layout);
  return Number.isSafeInteger(end) && end <= available ? undefined : 'a tensor must lie inside its storage';
}

/** Elements from the first to the last that the layout touches; 0 for an empty tensor. */
export function spanLength({ shape, strides }: Layout): number {
  if (elementCount(shape) === 0) return 0;
  return shape.reduce((span, size, axis) => span + (size - 1) * (strides[axis] ?? 0), 1);
}

/** True when the elements stand in row-major order without gaps. */
export function isContiguous(layout: Layout): boolean {
  const axes = mergeAxes(layout);
  return axes.length === 0 || (axes.length === 1 && axes[0]?.stride === 1) || elementCount(layout.shape) === 0;
}

/** An axis, or several that are walked as one. */
interface Axis {
  readonly size: number;
  readonly stride: number;
}

/** Leaves out axes of one element and merges those that continue each other. */
function mergeAxes({ shape, strides }: Layout): readonly Axis[] {
  const merged: Axis[] = [];
  shape.forEach((size, i) => {
    const stride = strides[i] ?? 0;
    const outer = merged.at(-1);
    if (size === 1) return;
    if (outer === undefined || outer.stride !== size * stride) merged.push({ size, stride });
    else merged[merged.length - 1] = { size: outer.size * size, stride };
  });
  return merged;
}

type Elements = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

/**
 * Copies the elements `start` to `start + out.length` of the row-major order out of a span that begins at the layout's offset.
 * Elements may also be halves of what the tensor calls one: then the layout has one more axis.
 */
export function gatherElements<T extends Elements>(layout: Layout, span: T, start: number, out: T): void {
  const axes = mergeAxes(layout);
  const inner = axes.at(-1) ?? { size: 1, stride: 0 };
  const outer = axes.slice(0, -1);
  let column = start % inner.size;
  let row = Math.floor(start / inner.size);
  for (let filled = 0; filled < out.length; row += 1) {
    const count = Math.min(inner.size - column, out.length - filled);
    copyRow(span, rowOffset(outer, row) + column * inner.stride, inner.stride, out, filled, count);
    filled += count;
    column = 0;
  }
}

function rowOffset(axes: readonly Axis[], row: number): number {
  let offset = 0;
  let rest = row;
  for (let i = axes.length - 1; i >= 0; i -= 1) {
    const axis = axes[i];
    if (axis === undefined) continue;
    offset += (rest % axis.size) * axis.stride;
    rest = Math.floor(rest / axis.size);
  }
  return offset;
}

function copyRow<T extends Elements>(span: T, from: number, stride: number, out: T, to: number, count: number): void {
  for (let i = 0; i < count; i += 1) out[to + i] = span[from + i * stride] ?? 0;
}
