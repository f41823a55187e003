import { codeUnit, type RoundedForm } from '../tensors/code-form.ts';
import { fromFloat32Bits, toFloat32Bits } from './casts.ts';

/** How a writer of blocks rounds; the two differ in less than a thousandth of the codes, and every combination is met. */
export interface BlockRounding {
  /** Codes are found with the scale that is stored (a half), not with the f32 that it was rounded from. */
  readonly storedScale: boolean;
  /** Numbers are divided by the scale, not multiplied by its reciprocal. */
  readonly divides: boolean;
  /** Codes are rounded half to even, not as the reference implementation does: away from zero in 8 bits, up in fewer. */
  readonly halfToEven: boolean;
}

/** All of them; the reference implementation's is first. */
export const BLOCK_ROUNDINGS: readonly BlockRounding[] = Array.from({ length: 8 }, (_, bits) => ({
  storedScale: (bits & 1) !== 0,
  divides: (bits & 2) !== 0,
  halfToEven: (bits & 4) !== 0,
}));

/** The place of a rounding among {@link BLOCK_ROUNDINGS}, as payloads state it. */
export function roundingNumber({ storedScale, divides, halfToEven }: BlockRounding): number {
  return Number(storedScale) + 2 * Number(divides) + 4 * Number(halfToEven);
}

const round = Math.fround;
const ELEMENTS = 32;
const HALF = ELEMENTS / 2;

/** A block's scale and minimum, as f32, before they are rounded to halves. */
type FindScales = (values: Float32Array, at: number, scales: Float32Array, to: number) => void;

/** Form by form: codes lie from 0 to `top`, `zero` stands for 0, and where the fifth bits and the codes begin. */
interface Layout {
  readonly findScales: FindScales;
  readonly hasMin: boolean;
  readonly zero: number;
  readonly top: number;
  readonly high?: number;
  readonly codes: number;
}

/** The number furthest from zero, the first of equals, sign and all. */
function furthest(values: Float32Array, at: number): number {
  let most = 0;
  let found = 0;
  for (let i = at; i < at + ELEMENTS; i++) {
    const value = values[i] ?? 0;
    const size = Math.abs(value);
    if (size > most) {
      most = size;
      found = value;
    }
  }
  return found;
}

/** The scale puts the number furthest from zero on the lowest code. */
const signedScale =
  (lowest: number): FindScales =>
  (values, at, scales, to) => {
    scales[to] = furthest(values, at) / lowest;
  };

/** The scale spreads the codes from the smallest number to the largest. */
const spannedScale =
  (top: number): FindScales =>
  (values, at, scales, to) => {
    let min = values[at] ?? 0;
    let max = min;
    for (let i = at; i < at + ELEMENTS; i++) {
      const value = values[i] ?? 0;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    scales[to] = round(max - min) / top;
    scales[to + 1] = min;
  };

const absoluteScale: FindScales = (values, at, scales, to) => {
  scales[to] = Math.abs(furthest(values, at)) / 127;
};

const LAYOUTS: Readonly<Record<RoundedForm, Layout>> = {
  q8_0: { findScales: absoluteScale, hasMin: false, zero: 0, top: 127, codes: 2 },
  q4_0: { findScales: signedScale(-8), hasMin: false, zero: 8, top: 15, codes: 2 },
  q4_1: { findScales: spannedScale(15), hasMin: true, zero: 0, top: 15, codes: 4 },
  q5_0: { findScales: signedScale(-16), hasMin: false, zero: 16, top: 31, high: 2, codes: 6 },
  q5_1: { findScales: spannedScale(31), hasMin: true, zero: 0, top: 31, high: 4, codes: 8 },
};

/** To the nearest integer, half to even: adding and taking away 1.5 * 2^52 leaves nothing else. */
const toEven = (x: number): number => x + 6755399441055744 - 6755399441055744;

/** To the nearest integer, half away from zero. */
const awayFromZero = (x: number): number => (x < 0 ? -Math.floor(0.5 - x) : Math.floor(x + 0.5));

/** What a block's numbers are multiplied with or divided by; 0 where all codes are the one of zero. */
function factorOf(scale: number, { divides }: BlockRounding): number {
  if (scale === 0) return 0;
  return divides ? scale : round(1 / scale);
}

function scaled(value: number, factor: number, { divides }: BlockRounding): number {
  if (factor === 0) return 0;
  return round(divides ? value / factor : value * factor);
}

/** The code of a number that was scaled: from 0 to `top` for short codes, signed for those of 8 bits. */
function codeOf(x: number, { zero, top }: Layout, { halfToEven }: BlockRounding): number {
  if (top === 127) return (halfToEven ? toEven(x) : awayFromZero(x)) & 255;
  const code = halfToEven ? toEven(x) + zero : Math.trunc(round(x + (zero + 0.5)));
  return code > 0 ? Math.min(top, code) : 0;
}

function writeCode(out: Uint8Array, at: number, i: number, code: number, { top, high, codes }: Layout): void {
  if (top === 127) {
    out[at + codes + i] = code;
    return;
  }
  const place = at + codes + (i % HALF);
  out[place] = (out[place] ?? 0) | ((code & 15) << (i < HALF ? 0 : 4));
  if (high === undefined) return;
  const byte = at + high + (i >> 3);
  out[byte] = (out[byte] ?? 0) | ((code >> 4) << (i & 7));
}

/** Scales (and minima) of all blocks: as f32, and as the halves that are stored. */
function findAllScales(values: Float32Array, layout: Layout) {
  const width = layout.hasMin ? 2 : 1;
  const blocks = values.length / ELEMENTS;
  const scales = new Float32Array(blocks * width);
  for (let b = 0; b < blocks; b++) layout.findScales(values, b * ELEMENTS, scales, b * width);
  const halves = fromFloat32Bits(new Uint32Array(scales.slice().buffer), 'f16', 'nearest');
  return { width, blocks, scales, halves, stored: new Float32Array(toFloat32Bits(halves, 'f16').buffer) };
}

/**
 * Rounds f32 numbers to blocks as the reference implementation of their forms does (`quantize_row_q8_0_ref` and its like in
 * ggml's `ggml-quants.c`): each step rounded to f32.
 *
 * @param values a whole number of blocks.
 */
export function roundToBlocks(values: Float32Array, form: RoundedForm, rounding: BlockRounding): Uint8Array {
  const layout = LAYOUTS[form];
  const { byteLength } = codeUnit(form);
  const { width, blocks, scales, halves, stored } = findAllScales(values, layout);
  const used = rounding.storedScale ? stored : scales;
  const out = new Uint8Array(blocks * byteLength);
  for (let b = 0; b < blocks; b++) {
    const at = b * byteLength;
    out.set(halves.subarray(2 * b * width, 2 * (b + 1) * width), at);
    const factor = factorOf(used[b * width] ?? 0, rounding);
    const min = layout.hasMin ? (used[b * width + 1] ?? 0) : 0;
    for (let i = 0; i < ELEMENTS; i++) {
      const x = scaled(round((values[b * ELEMENTS + i] ?? 0) - min), factor, rounding);
      writeCode(out, at, i, codeOf(x, layout, rounding), layout);
    }
  }
  return out;
}
