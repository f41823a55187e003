import { collectBytes } from '../../bytes/collect.ts';
import { decodeToFloat32 } from '../../tensors/decode.ts';
import { type DType, elementCount } from '../../tensors/dtype.ts';
import { dequantize, type Quantizer } from '../pytorch/dequantize.ts';
import type { CodeUse } from './quantized-uses.ts';
import type { StoredValues } from './values.ts';

/** Types whose elements can be codes; nibbles are bytes by then. */
const CODES: ReadonlySet<DType> = new Set(['i8', 'u8', 'i16', 'u16', 'i32', 'f8_e4m3', 'f8_e5m2']);
const SCALES: ReadonlySet<DType> = new Set(['f32', 'f16', 'bf16']);

/** A tensor of codes with what makes numbers of them. */
export interface Dequantized {
  readonly scales: StoredValues;
  readonly zeroPoints: StoredValues | undefined;
  readonly runLength: number;
}

/** How many consecutive elements share a scale; `undefined` when these scales do not fit the shape in a way that is read. */
function findRunLength(shape: readonly number[], { axis, blockSize }: CodeUse, scaleCount: number): number | undefined {
  const count = elementCount(shape);
  if (scaleCount === 1) return count;
  const at = axis < 0 ? axis + shape.length : axis;
  const size = shape[at];
  if (size === undefined) return undefined;
  if (blockSize > 0) {
    // Blocks of another axis than the last do not follow one another.
    const isRead = at === shape.length - 1 && size % blockSize === 0 && scaleCount * blockSize === count;
    return isRead ? blockSize : undefined;
  }
  return scaleCount === size ? elementCount(shape.slice(at + 1)) : undefined;
}

/** Finds out whether a tensor holds codes that an operator says how to read. */
export function findDequantized(
  codes: StoredValues,
  shape: readonly number[],
  use: CodeUse | undefined,
  findValues: (name: string) => StoredValues | undefined,
): Dequantized | undefined {
  if (use === undefined || codes.count === 0 || !CODES.has(codes.type.dtype)) return undefined;
  const scales = findValues(use.scale);
  const zeroPoints = use.zeroPoint === undefined ? undefined : findValues(use.zeroPoint);
  if (scales === undefined || !SCALES.has(scales.type.dtype)) return undefined;
  if (use.zeroPoint !== undefined) {
    if (zeroPoints === undefined || zeroPoints.type.dtype !== codes.type.dtype) return undefined;
    if (zeroPoints.count !== scales.count) return undefined;
  }
  const runLength = findRunLength(shape, use, scales.count);
  return runLength === undefined ? undefined : { scales, zeroPoints, runLength };
}

type ReadValues = (values: StoredValues) => AsyncIterable<Uint8Array>;

async function readNumbers(values: StoredValues, read: ReadValues): Promise<Float32Array> {
  return decodeToFloat32(values.type.dtype, await collectBytes(read(values)));
}

/** Yields the numbers that codes stand for, as f32. */
export async function* readDequantized(
  codes: StoredValues,
  { scales, zeroPoints, runLength }: Dequantized,
  read: ReadValues,
): AsyncIterable<Uint8Array> {
  const numbers = await readNumbers(scales, read);
  const quantizer: Quantizer = {
    scales: numbers,
    zeroPoints: zeroPoints === undefined ? new Float32Array(numbers.length) : await readNumbers(zeroPoints, read),
    runLength,
  };
  yield* dequantize(read(codes), codes.type.dtype, quantizer);
}
