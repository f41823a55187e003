import { codeUnit, type HeadedForm } from '../tensors/code-form.ts';
import { readSixBitScales } from '../tensors/six-bit-scales.ts';
import { toFloat32Bits } from './casts.ts';

/** Where the scales of a block's form stand: halves, and the bytes that hold the scales of its parts. */
interface HeadLayout {
  readonly halves: number;
  readonly halfBytes: number;
  readonly scales: number;
  readonly scaleBytes: number;
}

const MINIMA = { halves: 0, halfBytes: 4, scales: 4, scaleBytes: 12 } as const;
const HEADS: Readonly<Record<HeadedForm, HeadLayout>> = {
  q4_k: MINIMA,
  q5_k: MINIMA,
  q6_k: { halves: 208, halfBytes: 2, scales: 192, scaleBytes: 16 },
};

/** The scales of blocks: their halves one after the other, and the bytes of their parts' scales. */
export interface Heads {
  readonly halves: Uint8Array;
  readonly scales: Uint8Array;
}

/** Bytes of the scales of so many blocks. */
export function headByteLengths(
  form: HeadedForm,
  blocks: number,
): { readonly halves: number; readonly scales: number } {
  return { halves: blocks * HEADS[form].halfBytes, scales: blocks * HEADS[form].scaleBytes };
}

/** Takes the scales out of blocks. */
export function splitHeads(plain: Uint8Array, form: HeadedForm): Heads {
  const { byteLength } = codeUnit(form);
  const { halves: halvesAt, halfBytes, scales: scalesAt, scaleBytes } = HEADS[form];
  const blocks = plain.length / byteLength;
  const [halves, scales] = [new Uint8Array(blocks * halfBytes), new Uint8Array(blocks * scaleBytes)];
  for (let b = 0, at = 0; b < blocks; b++, at += byteLength) {
    halves.set(plain.subarray(at + halvesAt, at + halvesAt + halfBytes), b * halfBytes);
    scales.set(plain.subarray(at + scalesAt, at + scalesAt + scaleBytes), b * scaleBytes);
  }
  return { halves, scales };
}

/** To the nearest integer, half to even; then within bounds, NaN to the lowest. */
function toCode(x: number, lowest: number, highest: number): number {
  const code = x + 6755399441055744 - 6755399441055744;
  return code > lowest ? Math.min(code, highest) : lowest;
}

const round = Math.fround;

/** Codes of 256 numbers, from 0 up. */
type FindCodes = (
  values: Float32Array,
  at: number,
  halves: Float32Array,
  head: number,
  heads: Heads,
  codes: Uint8Array,
) => void;

/** Q4_K, Q5_K: 8 parts of 32, each with a scale and a minimum. */
const withMinimum =
  (top: number): FindCodes =>
  (values, at, halves, block, { scales }, codes) => {
    for (let part = 0; part < 8; part++) {
      const { scale, min } = readSixBitScales(scales, block * 12, part);
      const step = round((halves[2 * block] ?? 0) * scale);
      const below = round((halves[2 * block + 1] ?? 0) * min);
      for (let i = 32 * part; i < 32 * part + 32; i++)
        codes[i] = step === 0 ? 0 : toCode(round(round((values[at + i] ?? 0) + below) / step), 0, top);
    }
  };

/** Q6_K: 16 parts of 16, each with a signed scale. */
const signedScales: FindCodes = (values, at, halves, block, { scales }, codes) => {
  for (let part = 0; part < 16; part++) {
    const scale = ((scales[block * 16 + part] ?? 0) << 24) >> 24;
    const step = round((halves[block] ?? 0) * scale);
    for (let i = 16 * part; i < 16 * part + 16; i++)
      codes[i] = step === 0 ? 0 : toCode(round((values[at + i] ?? 0) / step), -32, 31) + 32;
  }
};

const CODES: Readonly<Record<HeadedForm, FindCodes>> = {
  q4_k: withMinimum(15),
  q5_k: withMinimum(31),
  q6_k: signedScales,
};

/** Adds bits to a byte. */
function put(out: Uint8Array, at: number, bits: number): void {
  out[at] = (out[at] ?? 0) | bits;
}

/** Packs the codes of a Q4_K or Q5_K block: two neighbouring parts share 32 bytes; fifth bits, where there are any, one a part. */
function packFour(codes: Uint8Array, out: Uint8Array, at: number, high: number | undefined): void {
  for (let i = 0; i < 256; i++) {
    const code = codes[i] ?? 0;
    const part = i >> 5;
    put(out, at + 32 * (part >> 1) + (i & 31), (code & 15) << (4 * (part & 1)));
    if (high !== undefined) put(out, high + (i & 31), (code >> 4) << part);
  }
}

/** Packs the codes of a Q6_K block: halves of 128; four bits in 64 bytes, two more in 32. */
function packSix(codes: Uint8Array, out: Uint8Array, at: number): void {
  for (let i = 0; i < 256; i++) {
    const code = codes[i] ?? 0;
    const [half, row] = [i >> 7, (i >> 5) & 3];
    put(out, at + 64 * half + 32 * (row & 1) + (i & 31), (code & 15) << (4 * (row >> 1)));
    put(out, at + 128 + 32 * half + (i & 31), (code >> 4) << (2 * row));
  }
}

function packCodes(codes: Uint8Array, form: HeadedForm, out: Uint8Array, at: number): void {
  if (form === 'q6_k') packSix(codes, out, at);
  else if (form === 'q5_k') packFour(codes, out, at + 48, at + 16);
  else packFour(codes, out, at + 16, undefined);
}

/**
 * Blocks with these scales, and the codes that ggml's writers give to numbers once the scales stand (the last loop of
 * `quantize_row_q4_K_ref` and its like in `ggml-quants.c`; the same with an importance matrix): each step rounded to f32.
 *
 * @param values a whole number of blocks.
 */
export function roundWithHeads(values: Float32Array, form: HeadedForm, heads: Heads): Uint8Array {
  const { elements, byteLength } = codeUnit(form);
  const { halves: halvesAt, halfBytes, scales: scalesAt, scaleBytes } = HEADS[form];
  const blocks = values.length / elements;
  const halves = new Float32Array(toFloat32Bits(heads.halves, 'f16').buffer);
  const out = new Uint8Array(blocks * byteLength);
  const codes = new Uint8Array(elements);
  for (let b = 0, at = 0; b < blocks; b++, at += byteLength) {
    CODES[form](values, b * elements, halves, b, heads, codes);
    packCodes(codes, form, out, at);
    out.set(heads.halves.subarray(b * halfBytes, (b + 1) * halfBytes), at + halvesAt);
    out.set(heads.scales.subarray(b * scaleBytes, (b + 1) * scaleBytes), at + scalesAt);
  }
  return out;
}
