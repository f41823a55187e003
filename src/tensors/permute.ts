import { invariant } from '../assert.ts';
import { copyBytes } from '../bytes/collect.ts';

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

/** What can be permuted: floats, or plain words of any type. */
type Words = Float32Array | Uint32Array | Uint16Array | Uint8Array;

function copyPlane(data: Words, from: number, plane: Plane, out: Words, to: number): void {
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

/** Where each plane begins in the input, in output order. */
function* planeStarts(outer: readonly Axis[], from = 0): Iterable<number> {
  const [first, ...rest] = outer;
  if (first === undefined) yield from;
  else for (let i = 0; i < first.size; i += 1) yield* planeStarts(rest, from + i * first.stride);
}

function permuteInto(data: Words, shape: readonly number[], order: readonly number[], out: Words): void {
  invariant(new Set(order).size === shape.length && order.length === shape.length, 'the order names each axis once');
  if (data.length === 0) return;
  const axes = outputAxes(shape, order);
  const single: Axis = { size: 1, stride: 0 };
  const plane: Plane = { rows: axes.at(-2) ?? single, columns: axes.at(-1) ?? single };
  let to = 0;
  for (const from of planeStarts(axes.slice(0, -2))) {
    copyPlane(data, from, plane, out, to);
    to += plane.rows.size * plane.columns.size;
  }
}

/**
 * Reorders the axes of a row-major array: axis i of the result is axis `order[i]` of the input.
 *
 * @returns a new array, row-major in the new shape
 */
export function permuteAxes(data: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  permuteInto(data, shape, order, out);
  return out;
}

function wordsOf(bytes: Uint8Array, wordByteLength: number): Words {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % wordByteLength === 0 ? bytes : copyBytes(bytes);
  if (wordByteLength === 4) return new Uint32Array(buffer, byteOffset, byteLength / 4);
  if (wordByteLength === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Like {@link permuteAxes}, of elements whose type does not matter. */
export function permuteElements(
  bytes: Uint8Array,
  elementByteLength: number,
  shape: readonly number[],
  order: readonly number[],
): Uint8Array {
  // A wide element is an axis of words that stays last.
  const wordByteLength = Math.min(elementByteLength, 4);
  const out = new Uint8Array(bytes.byteLength);
  const words = [...shape, elementByteLength / wordByteLength];
  permuteInto(wordsOf(bytes, wordByteLength), words, [...order, shape.length], wordsOf(out, wordByteLength));
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
