import type { HeadedForm } from '../../tensors/code-form.ts';
import { readSixBitScales } from '../../tensors/six-bit-scales.ts';
import { type BlockType, readHalf, readSingle, round, signed } from './block-type.ts';
import { NONLINEAR_VALUES } from './short-blocks.ts';

/** Elements of a super-block (QK_K of ggml's `ggml-common.h`), whose parts have scales of their own. */
const ELEMENTS = 256;

/** Q2_K: 16 parts of 16, each with four bits of scale and four of minimum. */
const Q2_K: BlockType = {
  name: 'Q2_K',
  elements: ELEMENTS,
  byteLength: 84,
  decode(bytes, at, out, to) {
    const d = readHalf(bytes, at + 80);
    const dmin = readHalf(bytes, at + 82);
    for (let part = 0; part < 16; part += 1) {
      const packed = bytes[at + part] ?? 0;
      const scale = round(d * (packed & 15));
      const min = round(dmin * (packed >> 4));
      const { quants, shift } = twoBits(part);
      for (let i = 0; i < 16; i += 1) {
        const code = ((bytes[at + 16 + quants + i] ?? 0) >> shift) & 3;
        out[to + 16 * part + i] = round(scale * code) - min;
      }
    }
  },
};

/** Where the two bits of a part of 16 stand: 128 elements share 32 bytes, 32 elements a pair of bits. */
function twoBits(part: number): { readonly quants: number; readonly shift: number } {
  return { quants: 32 * (part >> 3) + 16 * (part & 1), shift: 2 * ((part >> 1) & 3) };
}

/** The 6-bit scales of Q3_K: four low bits in the first eight bytes, two high ones in the last four. */
function q3Scale(bytes: Uint8Array, at: number, part: number): number {
  const low = ((bytes[at + (part & 7)] ?? 0) >> (part < 8 ? 0 : 4)) & 15;
  const high = ((bytes[at + 8 + (part & 3)] ?? 0) >> (2 * (part >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

/** Q3_K: 16 parts of 16; a third bit, inverted, in a mask. */
const Q3_K: BlockType = {
  name: 'Q3_K',
  elements: ELEMENTS,
  byteLength: 110,
  decode(bytes, at, out, to) {
    const d = readHalf(bytes, at + 108);
    for (let part = 0; part < 16; part += 1) {
      const scale = round(d * q3Scale(bytes, at + 96, part));
      const { quants, shift } = twoBits(part);
      for (let i = 0; i < 16; i += 1) {
        const low = ((bytes[at + 32 + quants + i] ?? 0) >> shift) & 3;
        const isSet = ((bytes[at + 16 * (part & 1) + i] ?? 0) >> (part >> 1)) & 1;
        out[to + 16 * part + i] = scale * (low - (isSet === 1 ? 0 : 4));
      }
    }
  },
};

/** Q4_K and Q5_K: 8 parts of 32; two neighbouring parts share 32 bytes. */
function withMinimum(name: string, form: HeadedForm, highBytes: 0 | 32): BlockType {
  const quantsAt = 16 + highBytes;
  return {
    name,
    form,
    elements: ELEMENTS,
    byteLength: quantsAt + 128,
    ...(highBytes === 0 ? { halves: [0, 2] } : {}),
    decode(bytes, at, out, to) {
      const d = readHalf(bytes, at);
      const dmin = readHalf(bytes, at + 2);
      for (let part = 0; part < 8; part += 1) {
        const scales = readSixBitScales(bytes, at + 4, part);
        const scale = round(d * scales.scale);
        const min = round(dmin * scales.min);
        for (let i = 0; i < 32; i += 1) {
          const low = ((bytes[at + quantsAt + 32 * (part >> 1) + i] ?? 0) >> (4 * (part & 1))) & 15;
          const high = highBytes === 0 ? 0 : (((bytes[at + 16 + i] ?? 0) >> part) & 1) << 4;
          out[to + 32 * part + i] = round(scale * (low | high)) - min;
        }
      }
    },
  };
}

/** Q6_K: 16 parts of 16 with signed 8-bit scales; four bits in 64 bytes a half, two more in 32. */
const Q6_K: BlockType = {
  name: 'Q6_K',
  form: 'q6_k',
  elements: ELEMENTS,
  byteLength: 210,
  halves: [208],
  decode(bytes, at, out, to) {
    const d = readHalf(bytes, at + 208);
    for (let i = 0; i < ELEMENTS; i += 1) {
      const half = i >> 7;
      const row = (i >> 5) & 3;
      const low = ((bytes[at + 64 * half + 32 * (row & 1) + (i & 31)] ?? 0) >> (4 * (row >> 1))) & 15;
      const high = ((bytes[at + 128 + 32 * half + (i & 31)] ?? 0) >> (2 * row)) & 3;
      out[to + i] = round(d * signed(bytes[at + 192 + (i >> 4)])) * ((low | (high << 4)) - 32);
    }
  },
};

/** Q8_K: one f32 scale; the sums at the end only serve products. */
const Q8_K: BlockType = {
  name: 'Q8_K',
  elements: ELEMENTS,
  byteLength: 292,
  decode(bytes, at, out, to) {
    const d = readSingle(bytes, at);
    for (let i = 0; i < ELEMENTS; i += 1) out[to + i] = d * signed(bytes[at + 4 + i]);
  },
};

/** IQ4_XS: 8 parts of 32 with 6-bit scales; codes that stand for the values of IQ4_NL. */
const IQ4_XS: BlockType = {
  name: 'IQ4_XS',
  elements: ELEMENTS,
  byteLength: 136,
  decode(bytes, at, out, to) {
    const d = readHalf(bytes, at);
    const highs = (bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8);
    for (let part = 0; part < 8; part += 1) {
      const low = ((bytes[at + 4 + (part >> 1)] ?? 0) >> (4 * (part & 1))) & 15;
      const scale = round(d * ((low | (((highs >> (2 * part)) & 3) << 4)) - 32));
      for (let i = 0; i < 32; i += 1) {
        const byte = bytes[at + 8 + 16 * part + (i & 15)] ?? 0;
        out[to + 32 * part + i] = scale * (NONLINEAR_VALUES[i < 16 ? byte & 15 : byte >> 4] ?? 0);
      }
    }
  },
};

/** The `n`-th of the base-3 digits of a byte, which is the fraction of 243 that they make, rounded up to 256ths. */
function digitOf(byte: number | undefined, n: number): number {
  const shifted = ((byte ?? 0) * 3 ** n) & 255;
  return (shifted * 3) >> 8;
}

/** TQ1_0: five ternary digits a byte, in rows of 32, then of 16; the last four bytes hold four each. */
const TQ1_0: BlockType = {
  name: 'TQ1_0',
  elements: ELEMENTS,
  byteLength: 54,
  decode(bytes, at, out, to) {
    const d = readHalf(bytes, at + 52);
    for (let i = 0; i < ELEMENTS; i += 1) {
      const { byte, digit } = ternaryPlace(i);
      out[to + i] = d * (digitOf(bytes[at + byte], digit) - 1);
    }
  },
};

function ternaryPlace(element: number): { readonly byte: number; readonly digit: number } {
  if (element < 160) return { byte: element & 31, digit: element >> 5 };
  if (element < 240) return { byte: 32 + (element & 15), digit: (element - 160) >> 4 };
  return { byte: 48 + (element & 3), digit: (element - 240) >> 2 };
}

/** TQ2_0: two bits an element, laid out as those of Q2_K. */
const TQ2_0: BlockType = {
  name: 'TQ2_0',
  elements: ELEMENTS,
  byteLength: 66,
  decode(bytes, at, out, to) {
    const d = readHalf(bytes, at + 64);
    for (let i = 0; i < ELEMENTS; i += 1) {
      const code = ((bytes[at + 32 * (i >> 7) + (i & 31)] ?? 0) >> (2 * ((i >> 5) & 3))) & 3;
      out[to + i] = d * (code - 1);
    }
  },
};

/** The blocks of 256 by ggml's type number. */
export const SUPER_BLOCKS: ReadonlyMap<number, BlockType> = new Map([
  [10, Q2_K],
  [11, Q3_K],
  [12, withMinimum('Q4_K', 'q4_k', 0)],
  [13, withMinimum('Q5_K', 'q5_k', 32)],
  [14, Q6_K],
  [15, Q8_K],
  [23, IQ4_XS],
  [34, TQ1_0],
  [35, TQ2_0],
]);
