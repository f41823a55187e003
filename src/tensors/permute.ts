import { invariant } from '../assert.ts';

/** Row-major strides, in elements. */
function stridesOf(shape: readonly number[]): readonly number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis -= 1) {
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  }
  return strides;
}

/** One axis of the copy: its length, and how far apart its elements stand in the input. */
interface Axis {
  readonly size: number;
  readonly stride: number;
}

/** The output's axes, without those of length 1, neighbours that stand together in the input merged. */
function outputAxes(shape: readonly number[], order: readonly number[]): readonly Axis[] {
  const strides = stridesOf(shape);
  const axes: Axis[] = [];
  for (const from of order) {
    const axis = { size: shape[from] ?? 1, stride: strides[from] ?? 1 };
    const last = axes.at(-1);
    if (axis.size === 1) continue;
    if (last?.stride === axis.size * axis.stride) axes[axes.length - 1] = { ...axis, size: last.size * axis.size };
    else axes.push(axis);
  }
  return axes;
}

/** Edge of the square that is transposed at once: 32 x 32 f32 of both sides stay in the first cache. */
const BLOCK = 32;

interface Plane {
  readonly rows: Axis;
  readonly columns: Axis;
}

function copyPlane(data: Float32Array, from: number, plane: Plane, out: Float32Array, to: number): void {
  const { rows, columns } = plane;
  for (let rowBlock = 0; rowBlock < rows.size; rowBlock += BLOCK) {
    const rowEnd = Math.min(rows.size, rowBlock + BLOCK);
    for (let columnBlock = 0; columnBlock < columns.size; columnBlock += BLOCK) {
      const columnEnd = Math.min(columns.size, columnBlock + BLOCK);
      for (let row = rowBlock; row < rowEnd; row += 1) {
        const source = from + row * rows.stride;
        const target = to + row * columns.size;
        for (let column = columnBlock; column < columnEnd; column += 1) {
          out[target + column] = data[source + column * columns.stride] ?? 0;
        }
      }
    }
  }
}

/** Visits the outer axes in output order; `visit` gets where each plane begins in the input. */
function visitPlanes(outer: readonly Axis[], visit: (from: number) => void, from = 0): void {
  const [first, ...rest] = outer;
  if (first === undefined) visit(from);
  for (let i = 0; i < (first?.size ?? 0); i += 1) visitPlanes(rest, visit, from + i * (first?.stride ?? 0));
}

/**
 * Reorders the axes of a row-major array: axis i of the result is axis `order[i]` of the input.
 *
 * @returns a new array, row-major in the new shape
 */
export function permuteAxes(data: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  invariant(new Set(order).size === shape.length && order.length === shape.length, 'the order names each axis once');
  const out = new Float32Array(data.length);
  if (data.length === 0) return out;
  const axes = outputAxes(shape, order);
  const single: Axis = { size: 1, stride: 0 };
  const plane: Plane = { rows: axes.at(-2) ?? single, columns: axes.at(-1) ?? single };
  let to = 0;
  visitPlanes(axes.slice(0, -2), (from) => {
    copyPlane(data, from, plane, out, to);
    to += plane.rows.size * plane.columns.size;
  });
  return out;
}

/** The order that undoes another: permuting by both, one after the other, changes nothing. */
export function invertOrder(order: readonly number[]): readonly number[] {
  const inverse = new Array<number>(order.length).fill(0);
  order.forEach((from, to) => {
    inverse[from] = to;
  });
  return inverse;
}

/** The shape after {@link permuteAxes}. */
export function permuteShape(shape: readonly number[], order: readonly number[]): readonly number[] {
  return order.map((from) => shape[from] ?? 1);
}
