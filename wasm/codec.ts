// Hot loops of src/codec as WebAssembly, in AssemblyScript. Each does what the TypeScript function of the same name does, bit for bit;
// src/codec/kernels/ lays out the memory and calls them. Numbers are of at most 32 bits, in `width` bytes; all addresses are bytes.

const SYMBOLS: u32 = 256;
const SLOT_BITS: u32 = 12;
const SLOT_MASK: u32 = 4095;
const LOWEST_STATE: u32 = 1 << 15;

// @ts-ignore: decorator
@inline
function readNumber(at: usize, index: u32, width: u32): u32 {
  if (width === 4) return load<u32>(at + (<usize>index << 2));
  if (width === 2) return load<u16>(at + (<usize>index << 1));
  return load<u8>(at + <usize>index);
}

// @ts-ignore: decorator
@inline
function writeNumber(at: usize, index: u32, width: u32, value: u32): void {
  if (width === 4) store<u32>(at + (<usize>index << 2), value);
  else if (width === 2) store<u16>(at + (<usize>index << 1), <u16>value);
  else store<u8>(at + <usize>index, <u8>value);
}

/** Class of each number: its exponent. */
export function classesOf(at: usize, count: u32, width: u32, mantissaBits: u32, mask: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) store<u8>(out + i, <u8>((readNumber(at, i, width) >>> mantissaBits) & mask));
}

// @ts-ignore: decorator
@inline
function splitLoop(
  width: u32, plain: usize, reference: usize, count: u32, shift: u32, toTop: u32, rest: u32, flip: u32,
  classShift: u32, classMask: u32, symbols: usize, classes: usize, counts: usize, low: usize,
): usize {
  let pending: u64 = 0;
  let fill: u64 = 0;
  let to = low;
  for (let i: u32 = 0; i < count; i++) {
    const base = readNumber(reference, i, width);
    const a = readNumber(plain, i, width) >>> shift;
    const b = base >>> shift;
    const orderedA = a ^ (((<u32>(<i32>(a << toTop) >> 31)) & rest) | flip);
    const orderedB = b ^ (((<u32>(<i32>(b << toTop) >> 31)) & rest) | flip);
    const difference = <i32>(orderedA - orderedB);
    const sign = <u32>difference >>> 31;
    const magnitude = (<u32>difference ^ (0 - sign)) + sign;
    const length = 32 - clz(magnitude);
    const symbol = (length << 2) | (((magnitude >>> (length - 2)) & 1) << 1) | sign;
    // A length of 32 is symbol 128 and up, of which 31 bits follow.
    const bits: u64 = length < 2 ? 0 : length < 32 ? length - 2 : 31;
    const c = (base >>> classShift) & classMask;
    store<u8>(symbols + i, <u8>symbol);
    store<u8>(classes + i, <u8>c);
    const row = counts + (<usize>((c << 8) | (symbol & 255)) << 2);
    store<u32>(row, load<u32>(row) + 1);
    pending |= (<u64>magnitude & ((<u64>1 << bits) - 1)) << fill;
    store<u64>(to, pending);
    fill += bits;
    to += <usize>(fill >> 3);
    pending >>= fill & ~7;
    fill &= 7;
  }
  return to + (fill > 0 ? 1 : 0) - low;
}

/**
 * Differences of ordered integers: symbols, classes of the reference, counts of symbols by class (256 x 256, zero before), low bits.
 * Returns the bytes of the low bits; up to 8 bytes after them are written too.
 */
export function splitDifferences(
  width: u32, plain: usize, reference: usize, count: u32, shift: u32, toTop: u32, rest: u32, flip: u32,
  classShift: u32, classMask: u32, symbols: usize, classes: usize, counts: usize, low: usize,
): usize {
  if (width === 4)
    return splitLoop(4, plain, reference, count, shift, toTop, rest, flip, classShift, classMask, symbols, classes, counts, low);
  if (width === 2)
    return splitLoop(2, plain, reference, count, shift, toTop, rest, flip, classShift, classMask, symbols, classes, counts, low);
  return splitLoop(1, plain, reference, count, shift, toTop, rest, flip, classShift, classMask, symbols, classes, counts, low);
}

/** Low bits that these symbols ask for; -1 when one belongs to numbers of more than 32 bits. */
export function countLowBits(symbols: usize, count: u32): i32 {
  let bits: u32 = 0;
  let largest: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const symbol: u32 = load<u8>(symbols + i);
    const length = symbol >>> 2;
    largest = max(largest, symbol);
    bits += length < 2 ? 0 : length < 32 ? length - 2 : 31;
  }
  return largest > 129 ? -1 : <i32>bits;
}

// @ts-ignore: decorator
@inline
function joinLoop(
  width: u32, reference: usize, count: u32, shift: u32, toTop: u32, rest: u32, flip: u32, mask: u32,
  symbols: usize, low: usize, out: usize,
): void {
  let position: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const symbol: u32 = load<u8>(symbols + i);
    const length = symbol >>> 2;
    const bits: u64 = length < 2 ? 0 : length < 32 ? length - 2 : 31;
    const field = <u32>((load<u64>(low + <usize>(position >> 3)) >> (position & 7)) & ((<u64>1 << bits) - 1));
    position += bits;
    const floor = length < 2 ? length : length < 32 ? (2 | ((symbol >>> 1) & 1)) << (length - 2) : 0x80000000;
    const sign = symbol & 1;
    const magnitude = floor + field;
    const b = readNumber(reference, i, width) >>> shift;
    const ordered = b ^ (((<u32>(<i32>(b << toTop) >> 31)) & rest) | flip);
    const sum = (ordered + ((magnitude ^ (0 - sign)) + sign)) & mask;
    const number = sum ^ (((~(<u32>(<i32>(sum << toTop) >> 31))) & rest) | flip);
    writeNumber(out, i, width, number << shift);
  }
}

/** The reverse of splitDifferences. 8 bytes after the low bits are read too. */
export function joinDifferences(
  width: u32, reference: usize, count: u32, shift: u32, toTop: u32, rest: u32, flip: u32, mask: u32,
  symbols: usize, low: usize, out: usize,
): void {
  if (width === 4) joinLoop(4, reference, count, shift, toTop, rest, flip, mask, symbols, low, out);
  else if (width === 2) joinLoop(2, reference, count, shift, toTop, rest, flip, mask, symbols, low, out);
  else joinLoop(1, reference, count, shift, toTop, rest, flip, mask, symbols, low, out);
}

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

/** Counts symbols by table. `counts`: 256 a table, zero before. */
export function countSymbols(symbols: usize, contexts: usize, count: u32, counts: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = counts + (<usize>((<u32>load<u8>(contexts + i) << 8) | <u32>load<u8>(symbols + i)) << 2);
    store<u32>(row, load<u32>(row) + 1);
  }
}

/**
 * What coding a symbol needs, 16 bytes each: frequency, start, reciprocal and shift for an exact division (Granlund and Montgomery, 1994),
 * of `tables` x 256 frequencies (u16).
 */
export function buildEncodingTables(frequencies: usize, tables: u32, out: usize): void {
  for (let table: u32 = 0; table < tables; table++) {
    let start: u32 = 0;
    for (let symbol: u32 = 0; symbol < SYMBOLS; symbol++) {
      const row = (table << 8) | symbol;
      const frequency: u32 = load<u16>(frequencies + (<usize>row << 1));
      const to = out + (<usize>row << 4);
      if (frequency < 2) {
        // The quotient by 1 comes out one too small; the start makes up for it.
        store<u32>(to, 0xffffffff, 8);
        store<u32>(to, start + SLOT_MASK, 4);
        store<u32>(to, 32, 12);
      } else {
        const shift: u32 = 32 - clz(frequency - 1);
        store<u32>(to, <u32>(((<u64>1 << (shift + 31)) + frequency - 1) / frequency), 8);
        store<u32>(to, start, 4);
        store<u32>(to, 31 + shift, 12);
      }
      store<u32>(to, frequency);
      start += frequency;
    }
  }
}

/**
 * Codes symbols from the last to the first; `map` names the table of each class. Words are written downwards from `end`.
 * Returns the address of the first byte.
 */
export function encodeSymbols(symbols: usize, classes: usize, map: usize, count: u32, tables: usize, end: usize): usize {
  let to = end;
  let state: u32 = LOWEST_STATE;
  let other: u32 = LOWEST_STATE;
  for (let i: i32 = <i32>count - 1; i >= 0; i--) {
    const table: u32 = load<u8>(map + load<u8>(classes + i));
    const row = tables + (<usize>((table << 8) | <u32>load<u8>(symbols + i)) << 4);
    const frequency = load<u32>(row);
    let x = state;
    if (x >>> 19 >= frequency) {
      to -= 2;
      store<u16>(to, <u16>x);
      x >>>= 16;
    }
    const quotient = <u32>((<u64>x * <u64>load<u32>(row, 8)) >> <u64>load<u32>(row, 12));
    x = x + load<u32>(row, 4) + quotient * (4096 - frequency);
    state = other;
    other = x;
  }
  to -= 8;
  store<u16>(to, <u16>other);
  store<u16>(to, <u16>(other >>> 16), 2);
  store<u16>(to, <u16>state, 4);
  store<u16>(to, <u16>(state >>> 16), 6);
  return to;
}

/** For each slot of each table its symbol (8 bits), frequency less one (12) and place among its symbol's slots (12). `out` is zero before. */
export function buildDecodingTable(frequencies: usize, tables: u32, out: usize): void {
  for (let table: u32 = 0; table < tables; table++) {
    let to = out + (<usize>table << (SLOT_BITS + 2));
    for (let symbol: u32 = 0; symbol < SYMBOLS; symbol++) {
      const frequency: u32 = load<u16>(frequencies + (<usize>((table << 8) | symbol) << 1));
      const common = symbol | ((frequency - 1) << 8);
      for (let k: u32 = 0; k < frequency; k++) {
        store<u32>(to, common | (k << 20));
        to += 4;
      }
    }
  }
}

/** Decodes `count` symbols; at most 2 x count + 8 bytes are read. Returns the bytes read, or 0 when the states do not begin or end as they must. */
export function decodeSymbols(coded: usize, classes: usize, map: usize, count: u32, table: usize, symbols: usize): usize {
  let state = load<u32>(coded);
  let other = load<u32>(coded, 4);
  if (<i32>state < <i32>LOWEST_STATE || <i32>other < <i32>LOWEST_STATE) return 0;
  let from = coded + 8;
  for (let i: u32 = 0; i < count; i++) {
    const context: u32 = load<u8>(map + load<u8>(classes + i));
    const entry = load<u32>(table + (<usize>((context << SLOT_BITS) | (state & SLOT_MASK)) << 2));
    store<u8>(symbols + i, <u8>entry);
    let x = (((entry >>> 8) & SLOT_MASK) + 1) * (state >>> SLOT_BITS) + (entry >>> 20);
    const isLow = x < LOWEST_STATE;
    const refilled = (x << 16) | <u32>load<u16>(from);
    x = isLow ? refilled : x;
    from += isLow ? 2 : 0;
    state = other;
    other = x;
  }
  return state === LOWEST_STATE && other === LOWEST_STATE ? from - coded : 0;
}

/**
 * base + factor * (base - before), each step rounded to f32; where that is not finite the base stays (docs/format-codecs.md, "Moved on").
 * In place of `base`.
 */
export function predictFloat32(base: usize, before: usize, count: u32, factor: f32): void {
  const factors = f32x4.splat(factor);
  const end = count & ~3;
  for (let i: u32 = 0; i < end; i += 4) {
    const at = <usize>i << 2;
    const value = v128.load(base + at);
    const next = f32x4.add(value, f32x4.mul(factors, f32x4.sub(value, v128.load(before + at))));
    const difference = f32x4.sub(next, next);
    const isFinite = f32x4.eq(difference, difference);
    v128.store(base + at, v128.bitselect(next, value, isFinite));
  }
  for (let i = end; i < count; i++) {
    const at = <usize>i << 2;
    const value = load<f32>(base + at);
    const next = value + factor * (value - load<f32>(before + at));
    if (next - next === 0) store<f32>(base + at, next);
  }
}

// @ts-ignore: decorator
@inline
function contextsLoop(
  width: u32, reference: usize, base: usize, before: usize, count: u32, toTop: u32, rest: u32, flip: u32,
  classShift: u32, classMask: u32, first: i32, origin: i32, contexts: usize, signs: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const c = <i32>((readNumber(reference, i, width) >>> classShift) & classMask);
    const a = readNumber(base, i, width);
    const b = readNumber(before, i, width);
    const orderedA = a ^ (((<u32>(<i32>(a << toTop) >> 31)) & rest) | flip);
    const orderedB = b ^ (((<u32>(<i32>(b << toTop) >> 31)) & rest) | flip);
    const step = orderedA - orderedB;
    const sign = step >>> 31;
    const length = <i32>(32 - clz((step ^ (0 - sign)) + sign));
    const exponent = min(31, max(0, c - first));
    const size = length === 0 ? 0 : min(7, max(1, length + c - origin));
    store<u8>(contexts + i, <u8>((exponent << 3) | size));
    store<u8>(signs + i, <u8>sign);
  }
}

/** A context for each number: its exponent and the size of its base's last step; and whether that step went down. */
export function findContexts(
  width: u32, reference: usize, base: usize, before: usize, count: u32, toTop: u32, rest: u32, flip: u32,
  classShift: u32, classMask: u32, first: i32, origin: i32, contexts: usize, signs: usize,
): void {
  if (width === 4)
    contextsLoop(4, reference, base, before, count, toTop, rest, flip, classShift, classMask, first, origin, contexts, signs);
  else if (width === 2)
    contextsLoop(2, reference, base, before, count, toTop, rest, flip, classShift, classMask, first, origin, contexts, signs);
  else contextsLoop(1, reference, base, before, count, toTop, rest, flip, classShift, classMask, first, origin, contexts, signs);
}

/** Turns the sign of each difference but zero where the last step went down. */
export function turnSigns(symbols: usize, signs: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const symbol: u32 = load<u8>(symbols + i);
    store<u8>(symbols + i, <u8>(symbol ^ (symbol > 3 ? <u32>load<u8>(signs + i) : 0)));
  }
}
