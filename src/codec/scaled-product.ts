import { STEPS } from './adaptive.ts';
import { fromFloat32Bits, toFloat32Bits } from './casts.ts';
import type { BlockType } from './codec.ts';
import { laneOf, widenNumbers } from './lanes.ts';
import { countRows, type MatrixView } from './low-rank.ts';

/** Distances from a number are told apart in steps of that share of a unit in its last place. */
const UNIT_STEPS = 16;

/** A product of two thin matrices of whole numbers, added to a block: the sum over k of scales[k] * left[row, k] * right[k, column]. */
export interface ScaledProduct extends MatrixView {
  readonly rank: number;
  /** One a pair, each a f32. */
  readonly scales: Float32Array;
  /** rows x rank, row-major; the rows that the block touches. */
  readonly left: Int32Array<ArrayBuffer>;
  /** rank x rowLength, row-major. */
  readonly right: Int32Array<ArrayBuffer>;
}

/** What a product makes of a base. */
export interface Prediction {
  /** The sums, rounded to the block's type. */
  readonly reference: Uint8Array;
  /** Where each sum lies from its rounded value: sixteenths of a unit in the last place (0 to 7), twice, plus one where it lies below. */
  readonly steps: Uint8Array;
}

/** The reciprocal of a sixteenth of the unit in the last place of numbers, by their exponent field. */
function stepsPerValue(type: BlockType): Float64Array {
  const { exponentBits, mantissaBits } = laneOf(type);
  const bias = 2 ** (exponentBits - 1) - 1;
  return Float64Array.from(
    { length: 2 ** exponentBits },
    (_, exponent) => UNIT_STEPS * 2 ** (mantissaBits + bias - Math.max(1, exponent)),
  );
}

/** The product's row, each number summed in binary64 in the order of the pairs. */
function sumRow({ rank, rowLength, scales, left, right }: ScaledProduct, row: number, sums: Float64Array): void {
  sums.fill(0);
  for (let k = 0; k < rank; k++) {
    const factor = (scales[k] ?? 0) * (left[row * rank + k] ?? 0);
    for (let j = 0, at = k * rowLength; j < rowLength; j++, at++) sums[j] = (sums[j] ?? 0) + factor * (right[at] ?? 0);
  }
}

/** Adds the product to numbers in f32, in place; returns the sums in binary64. Where a sum is no finite f32 the number stays. */
function addSums(values: Float32Array, product: ScaledProduct): Float64Array {
  const exact = new Float64Array(values);
  const sums = new Float64Array(product.rowLength);
  const rows = countRows(product, values.length);
  for (let row = 0, i = 0, column = product.rowOffset; row < rows; row++, column = 0) {
    sumRow(product, row, sums);
    for (; column < product.rowLength && i < values.length; column++, i++) {
      const sum = (exact[i] ?? 0) + (sums[column] ?? 0);
      const rounded = Math.fround(sum);
      if (rounded - rounded !== 0) continue;
      exact[i] = sum;
      values[i] = rounded;
    }
  }
  return exact;
}

/** Adds a product to a base of f32 or smaller floats (docs/format-codecs.md, section "Updated"). */
export function predictUpdated(base: Uint8Array, type: BlockType, product: ScaledProduct): Prediction {
  const bits = toFloat32Bits(base, type);
  const exact = addSums(new Float32Array(bits.buffer), product);
  const reference = fromFloat32Bits(bits, type, 'nearest');
  const rounded = new Float32Array(toFloat32Bits(reference, type).buffer);
  return { reference, steps: measureSteps(exact, rounded, reference, type) };
}

function measureSteps(exact: Float64Array, rounded: Float32Array, reference: Uint8Array, type: BlockType): Uint8Array {
  const { bits, exponentBits, mantissaBits } = laneOf(type);
  const scales = stepsPerValue(type);
  const codes = widenNumbers(reference, bits >> 3);
  const mask = 2 ** exponentBits - 1;
  const steps = new Uint8Array(exact.length);
  for (let i = 0; i < steps.length; i++) {
    const exponent = ((codes[i] ?? 0) >>> mantissaBits) & mask;
    const distance = ((exact[i] ?? 0) - (rounded[i] ?? 0)) * (scales[exponent] ?? 0);
    const size = Math.abs(distance);
    steps[i] = (size >= STEPS ? STEPS - 1 : size | 0) * 2 + (distance < 0 ? 1 : 0);
  }
  return steps;
}
