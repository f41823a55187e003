/** How a float of 8 or 16 bits is laid out: sign, exponent, mantissa, from the top. */
export interface SmallFloat {
  readonly bits: 8 | 16;
  readonly mantissaBits: number;
  readonly bias: number;
  /** Code of what is too large for the type: infinity, or NaN where there is none. */
  readonly overflow: number;
  readonly nan: number;
  /** The first code (without sign) whose value is no finite number. */
  readonly firstSpecial: number;
}

/** IEEE 754 binary16. */
export const F16: SmallFloat = {
  bits: 16,
  mantissaBits: 10,
  bias: 15,
  overflow: 0x7c00,
  nan: 0x7e00,
  firstSpecial: 0x7c00,
};
/** OCP 8-bit E5M2 (OFP8, revision 1.0): a binary16 of which the lower byte is cut off. */
export const F8_E5M2: SmallFloat = {
  bits: 8,
  mantissaBits: 2,
  bias: 15,
  overflow: 0x7c,
  nan: 0x7e,
  firstSpecial: 0x7c,
};
/** OCP 8-bit E4M3: no infinity, one NaN a sign, largest 448. Too large becomes NaN, as PyTorch casts it. */
export const F8_E4M3: SmallFloat = {
  bits: 8,
  mantissaBits: 3,
  bias: 7,
  overflow: 0x7f,
  nan: 0x7f,
  firstSpecial: 0x7f,
};

function decodeMagnitude(layout: SmallFloat, code: number): number {
  const exponent = code >> layout.mantissaBits;
  const mantissa = code & ((1 << layout.mantissaBits) - 1);
  if (code >= layout.firstSpecial) return code === layout.overflow && layout.overflow !== layout.nan ? Infinity : NaN;
  if (exponent === 0) return mantissa * 2 ** (1 - layout.bias - layout.mantissaBits);
  return (1 + mantissa / 2 ** layout.mantissaBits) * 2 ** (exponent - layout.bias);
}

/** The f32 bit patterns of all codes of a type, by code. */
export function createDecodeTable(layout: SmallFloat): Uint32Array {
  const values = new Float32Array(1 << layout.bits);
  const half = values.length / 2;
  for (let code = 0; code < half; code += 1) {
    const magnitude = decodeMagnitude(layout, code);
    values[code] = magnitude;
    values[half + code] = -magnitude;
  }
  return new Uint32Array(values.buffer);
}

/** Adding and taking away 1.5 x 2^52 rounds a small double to a whole number, halves to even. */
const ROUND_TO_WHOLE = 1.5 * 2 ** 52;

/**
 * Rounds f32 values, given as bit patterns, to the codes of a small type: nearest, halves to even.
 *
 * @param values the same values as `bits`, as floats
 */
export function encodeSmallFloats(
  layout: SmallFloat,
  values: Float32Array,
  bits: Uint32Array,
  out: Uint8Array | Uint16Array,
): void {
  const shift = 23 - layout.mantissaBits;
  const rebias = (127 - layout.bias) << layout.mantissaBits;
  const smallestNormal = (128 - layout.bias) << 23;
  const subnormalScale = 2 ** (layout.bias - 1 + layout.mantissaBits);
  const signShift = 32 - layout.bits;
  const signMask = 1 << (layout.bits - 1);
  for (let i = 0; i < values.length; i += 1) {
    const word = bits[i] ?? 0;
    const magnitude = word & 0x7fffffff;
    let code: number;
    if (magnitude > 0x7f800000) code = layout.nan;
    else if (magnitude < smallestNormal) {
      code = Math.abs(values[i] ?? 0) * subnormalScale + ROUND_TO_WHOLE - ROUND_TO_WHOLE;
    } else {
      // A carry out of the mantissa raises the exponent, as it should.
      code = ((magnitude + ((1 << (shift - 1)) - 1) + ((magnitude >>> shift) & 1)) >>> shift) - rebias;
      if (code >= layout.firstSpecial) code = layout.overflow;
    }
    out[i] = code | ((word >>> signShift) & signMask);
  }
}
