/** Most bits that one write or read takes beside the 7 already in the byte. */
const BITS_AT_ONCE = 24;
/** Bytes that packing may touch after the last one. */
const SLACK = 8;

/** Raw bits that follow the symbols, all together. */
export function countBits(symbols: Uint8Array, lengths: Uint8Array): number {
  let bits = 0;
  for (let i = 0; i < symbols.length; i++) bits += lengths[symbols[i] ?? 0] ?? 0;
  return bits;
}

/**
 * Packs the lowest bits of each field, as many as its symbol's length says (at most 32), lowest bit first, without gaps.
 * The last byte is filled up with zeros.
 */
export function packBits(fields: Uint32Array, symbols: Uint8Array, lengths: Uint8Array): Uint8Array {
  const packed = new Uint8Array(((countBits(symbols, lengths) + 7) >>> 3) + SLACK);
  const view = new DataView(packed.buffer);
  let position = 0;
  let pending = 0;
  let fill = 0;
  for (let i = 0; i < symbols.length; i++) {
    let bits = lengths[symbols[i] ?? 0] ?? 0;
    let field = fields[i] ?? 0;
    if (bits > BITS_AT_ONCE) {
      pending |= (field & 0xffff) << fill;
      view.setUint32(position, pending, true);
      pending >>>= 16;
      position += 2;
      field >>>= 16;
      bits -= 16;
    }
    pending |= (field & ((1 << bits) - 1)) << fill;
    view.setUint32(position, pending, true);
    fill += bits;
    position += fill >>> 3;
    pending >>>= fill & 24;
    fill &= 7;
  }
  return packed.subarray(0, packed.length - SLACK);
}

/** Reads what {@link packBits} packed; `packed` must have the length that the symbols ask for. */
export function unpackBits(packed: Uint8Array, symbols: Uint8Array, lengths: Uint8Array): Uint32Array {
  const padded = new Uint8Array(packed.length + SLACK);
  padded.set(packed);
  const view = new DataView(padded.buffer);
  const fields = new Uint32Array(symbols.length);
  let position = 0;
  for (let i = 0; i < symbols.length; i++) {
    const bits = lengths[symbols[i] ?? 0] ?? 0;
    let field = view.getUint32(position >>> 3, true) >>> (position & 7);
    if (bits > BITS_AT_ONCE) {
      field = (field & 0xffff) | ((view.getUint32((position + 16) >>> 3, true) >>> (position & 7)) << 16);
    }
    fields[i] = bits < 32 ? field & ((1 << bits) - 1) : field;
    position += bits;
  }
  return fields;
}

/** Packs up to 32 bits at a time in the same order, for numbers of 64 bits. */
export class WidePacker {
  readonly bytes: Uint8Array;
  #bit = 0;

  constructor(byteLength: number) {
    this.bytes = new Uint8Array(byteLength);
  }

  get byteLength(): number {
    return (this.#bit + 7) >>> 3;
  }

  write(value: number, bits: number): void {
    for (let rest = value, left = bits; left > 0; ) {
      const fill = this.#bit & 7;
      const taken = Math.min(8 - fill, left);
      const at = this.#bit >>> 3;
      this.bytes[at] = (this.bytes[at] ?? 0) | ((rest & ((1 << taken) - 1)) << fill);
      rest >>>= taken;
      left -= taken;
      this.#bit += taken;
    }
  }
}

/** Reads up to 32 bits that begin at a bit. */
export function readWideBits(bytes: Uint8Array, bit: number, bits: number): number {
  let value = 0;
  for (let got = 0; got < bits; ) {
    const fill = (bit + got) & 7;
    value |= ((bytes[(bit + got) >>> 3] ?? 0) >>> fill) << got;
    got += 8 - fill;
  }
  return bits < 32 ? value & ((1 << bits) - 1) : value;
}
