import { findBlockForm } from '../../tensors/code-form.ts';
import { type BlockType, readHalf, readSingle, round, signed } from './block-type.ts';

/** Elements of a short block (QK4_0 and its like in ggml's `ggml-common.h`). */
const ELEMENTS = 32;
const HALF = ELEMENTS / 2;

/**
 * How the writers of a time laid out blocks (ggml's `GGML_QNT_VERSION`): 0 put neighbours into one byte, later ones elements 16 apart;
 * from 2 on the scales of Q4 and Q8 are halves.
 */
export type QuantVersion = 0 | 1 | 2;

/** Bits of a code: four in `quants`, a fifth in the 32 bits at `high`. */
interface Codes {
  readonly quants: number;
  readonly high?: number;
}

/** Codes of `bytes` as `scale * (code - zero) + min`. */
interface Scale {
  readonly scale: number;
  readonly zero: number;
  readonly min: number;
}

function highBit(bytes: Uint8Array, high: number | undefined, element: number): number {
  if (high === undefined) return 0;
  return (((bytes[high + (element >> 3)] ?? 0) >> (element & 7)) & 1) << 4;
}

/** The five writers of this shape differ in where the parts stand, and in which element a nibble belongs to. */
function decodeNibbles(
  bytes: Uint8Array,
  { quants, high }: Codes,
  { scale, zero, min }: Scale,
  isInterleaved: boolean,
  out: Float32Array,
  to: number,
): void {
  for (let i = 0; i < HALF; i += 1) {
    const byte = bytes[quants + i] ?? 0;
    const first = isInterleaved ? 2 * i : i;
    const second = isInterleaved ? first + 1 : i + HALF;
    const low = (byte & 15) | highBit(bytes, high, first);
    const top = (byte >> 4) | highBit(bytes, high, second);
    out[to + first] = round(scale * (low - zero)) + min;
    out[to + second] = round(scale * (top - zero)) + min;
  }
}

function fourBits(name: string, version: QuantVersion, hasMin: boolean): BlockType {
  const width = version < 2 ? 4 : 2;
  const read = version < 2 ? readSingle : readHalf;
  const quants = hasMin ? 2 * width : width;
  const zero = hasMin ? 0 : 8;
  return {
    name,
    elements: ELEMENTS,
    byteLength: quants + HALF,
    decode(bytes, at, out, to) {
      const scale = { scale: read(bytes, at), zero, min: hasMin ? read(bytes, at + width) : 0 };
      decodeNibbles(bytes, { quants: at + quants }, scale, version === 0, out, to);
    },
  };
}

/** Their scales were halves from the beginning. */
function fiveBits(name: string, version: QuantVersion, hasMin: boolean): BlockType {
  const high = hasMin ? 4 : 2;
  const zero = hasMin ? 0 : 16;
  return {
    name,
    elements: ELEMENTS,
    byteLength: high + 4 + HALF,
    decode(bytes, at, out, to) {
      const scale = { scale: readHalf(bytes, at), zero, min: hasMin ? readHalf(bytes, at + 2) : 0 };
      decodeNibbles(bytes, { quants: at + high + 4, high: at + high }, scale, version === 0, out, to);
    },
  };
}

/** @param skipped bytes between the scale and the codes: a sum that only products need */
function eightBits(name: string, version: QuantVersion, skipped: number): BlockType {
  const width = version < 2 ? 4 : 2;
  const read = version < 2 ? readSingle : readHalf;
  const start = width + skipped;
  return {
    name,
    elements: ELEMENTS,
    byteLength: start + ELEMENTS,
    decode(bytes, at, out, to) {
      const scale = read(bytes, at);
      for (let i = 0; i < ELEMENTS; i += 1) out[to + i] = scale * signed(bytes[at + start + i]);
    },
  };
}

/** The blocks of 32 that ggml's types 2 to 9 name, as a writer of that version laid them out. */
export function shortBlocks(version: QuantVersion): ReadonlyMap<number, BlockType> {
  const types = new Map<number, BlockType>([
    [2, fourBits('Q4_0', version, false)],
    [3, fourBits('Q4_1', version, true)],
    // Two types of May 2023, gone within weeks.
    [4, { name: 'Q4_2', elements: 16, byteLength: 10 }],
    [5, { name: 'Q4_3', elements: 16, byteLength: 12 }],
    [6, fiveBits('Q5_0', version, false)],
    [7, fiveBits('Q5_1', version, true)],
    [8, eightBits('Q8_0', version, 0)],
    [9, eightBits('Q8_1', version, version < 2 ? 4 : 2)],
  ]);
  return version === 2 ? new Map([...types].map(([number, type]) => [number, asToday(type)])) : types;
}

/** The layouts whose big-endian form ggml's own converter defines (`gguf_convert_endian.py`). */
const CONVERTED = new Set(['Q4_0', 'Q8_0']);

/** Only the layouts of today are rounded to by a recipe, and are written on big-endian machines. */
function asToday(type: BlockType): BlockType {
  const form = findBlockForm(type.name);
  const halves = CONVERTED.has(type.name) ? { halves: [0] } : {};
  return { ...type, ...halves, ...(form === undefined ? {} : { form }) };
}

/** The 16 values of a code that is not linear (`kvalues_iq4nl` of `ggml-common.h`). */
export const NONLINEAR_VALUES = Float32Array.of(
  ...[-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
);

/** Twice the values of a four-bit float, E2M1 (OCP Microscaling Formats 1.0). */
const MXFP4_VALUES = Float32Array.of(...[0, 1, 2, 3, 4, 6, 8, 12, -0, -1, -2, -3, -4, -6, -8, -12]);

/** Codes that stand for the values of a table, in two halves. */
function byTable(
  name: string,
  table: Float32Array,
  scaleBytes: 1 | 2,
  read: (bytes: Uint8Array, at: number) => number,
) {
  const block: BlockType = {
    name,
    elements: ELEMENTS,
    byteLength: scaleBytes + HALF,
    ...(scaleBytes === 1 ? { halves: [] } : {}),
    decode(bytes, at, out, to) {
      const scale = read(bytes, at);
      for (let i = 0; i < HALF; i += 1) {
        const byte = bytes[at + scaleBytes + i] ?? 0;
        out[to + i] = scale * (table[byte & 15] ?? 0);
        out[to + HALF + i] = scale * (table[byte >> 4] ?? 0);
      }
    },
  };
  return block;
}

export const IQ4_NL: BlockType = byTable('IQ4_NL', NONLINEAR_VALUES, 2, readHalf);

/** The exponent is biased by 127, and one less because the values are doubled. */
export const MXFP4: BlockType = byTable('MXFP4', MXFP4_VALUES, 1, (bytes, at) => 2 ** ((bytes[at] ?? 0) - 128));

/** The same values in parts of 16, whose scales are E4M3 without a sign, halved for the same reason; a NaN counts as 0 (`ggml_ue4m3_to_fp32`). */
export const NVFP4: BlockType = {
  name: 'NVFP4',
  elements: 64,
  byteLength: 36,
  halves: [],
  decode(bytes, at, out, to) {
    for (let i = 0; i < 64; i += 1) {
      const part = i >> 4;
      const byte = bytes[at + 4 + 8 * part + (i & 7)] ?? 0;
      const code = (i & 8) === 0 ? byte & 15 : byte >> 4;
      out[to + i] = unsignedE4M3(bytes[at + part] ?? 0) * 0.5 * (MXFP4_VALUES[code] ?? 0);
    }
  },
};

function unsignedE4M3(byte: number): number {
  if (byte === 0x7f) return 0;
  const exponent = (byte >> 3) & 15;
  const digits = byte & 7;
  return exponent === 0 ? digits * 2 ** -9 : (1 + digits / 8) * 2 ** (exponent - 7);
}

/** Known by its size only. */
export const Q1_0: BlockType = { name: 'Q1_0', elements: 128, byteLength: 18 };
