// Floats without a base: leads and tails.
import { readNumber, writeNumber } from './numbers';

/** Counts leads: sign and tail left out. `counts`: 4096, zero before. */
export function countLeads(width: u32, plain: usize, count: u32, shift: u32, rest: u32, tailBits: u32, counts: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const at = counts + (<usize>(((readNumber(plain, i, width) >>> shift) & rest) >>> tailBits) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
}

/** Splits floats into symbols (0 zero, 1 escape, 2 and up a lead in the window) and tails; counts the symbols. Returns the bytes of the tails. */
export function splitFloats(
  width: u32, plain: usize, count: u32, shift: u32, bits: u32, tailBits: u32, windowStart: u32,
  symbols: usize, counts: usize, tails: usize,
): usize {
  const signBit: u32 = 1 << (bits - 1);
  const rest = signBit - 1;
  const signToTail = bits - 1 - tailBits;
  const tailMask: u32 = (1 << tailBits) - 1;
  let pending: u64 = 0;
  let fill: u64 = 0;
  let to = tails;
  for (let i: u32 = 0; i < count; i++) {
    const u = readNumber(plain, i, width) >>> shift;
    const place = ((u & rest) >>> tailBits) - windowStart;
    let symbol: u32 = 1;
    let field = u;
    let length: u64 = bits;
    if (u === 0) {
      symbol = 0;
      length = 0;
    } else if (place < 254) {
      symbol = place + 2;
      field = ((u & signBit) >>> signToTail) | (u & tailMask);
      length = tailBits + 1;
    }
    store<u8>(symbols + i, <u8>symbol);
    const row = counts + (<usize>symbol << 2);
    store<u32>(row, load<u32>(row) + 1);
    pending |= <u64>field << fill;
    store<u64>(to, pending);
    fill += length;
    to += <usize>(fill >> 3);
    pending >>= fill & ~7;
    fill &= 7;
  }
  return to + (fill > 0 ? 1 : 0) - tails;
}

/** The reverse of splitFloats. 8 bytes after the tails are read too. */
export function joinFloats(
  width: u32, out: usize, count: u32, shift: u32, bits: u32, tailBits: u32, windowStart: u32, symbols: usize, tails: usize,
): void {
  const signToTail = bits - 1 - tailBits;
  const tailMask: u32 = (1 << tailBits) - 1;
  const numberMask: u32 = bits === 32 ? 0xffffffff : (1 << bits) - 1;
  let position: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const symbol: u32 = load<u8>(symbols + i);
    let number: u32 = 0;
    if (symbol !== 0) {
      const bitsBefore = load<u64>(tails + <usize>(position >> 3)) >> (position & 7);
      if (symbol === 1) {
        number = <u32>bitsBefore & numberMask;
        position += bits;
      } else {
        const field = <u32>bitsBefore & ((tailMask << 1) | 1);
        number = ((field & ~tailMask) << signToTail) | ((symbol - 2 + windowStart) << tailBits) | (field & tailMask);
        position += tailBits + 1;
      }
    }
    writeNumber(out, i, width, number << shift);
  }
}
