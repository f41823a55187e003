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

/** Raw bits after a symbol of at most 129. */
// @ts-ignore: decorator
@inline
function lowBitsOf(symbol: u32): u32 {
  // A length of 32 is symbol 128 or 129, of which 31 bits follow.
  return max<u32>(symbol >>> 2, 2) - 2 + (symbol >>> 7);
}

/** Low bits that these symbols ask for; -1 when one belongs to numbers of more than 32 bits. */
export function countLowBits(symbols: usize, count: u32): i32 {
  let sums = i32x4.splat(0);
  let most = i8x16.splat(0);
  const end = count & ~15;
  for (let i: u32 = 0; i < end; i += 16) {
    const symbol = v128.load(symbols + i);
    most = i8x16.max_u(most, symbol);
    const lengths = i8x16.sub_sat_u(i8x16.shr_u(symbol, 2), i8x16.splat(2));
    const bits = i8x16.add(lengths, i8x16.shr_u(symbol, 7));
    sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bits)));
  }
  let bits: u32 =
    i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  let isWide = v128.any_true(i8x16.gt_u(most, i8x16.splat(<i8>129)));
  for (let i = end; i < count; i++) {
    const symbol: u32 = load<u8>(symbols + i);
    if (symbol > 129) isWide = true;
    bits += lowBitsOf(symbol);
  }
  return isWide ? -1 : <i32>bits;
}

/** For each symbol its magnitude without low bits, their mask, their number, and all bits of its sign: 16 bytes. */
function describeSymbols(table: usize): void {
  for (let symbol: u32 = 0; symbol < 130; symbol++) {
    const length = symbol >>> 2;
    const bits = lowBitsOf(symbol);
    const at = table + (<usize>symbol << 4);
    store<u32>(at, length < 2 ? length : (2 | ((symbol >>> 1) & 1)) << (length - 2));
    store<u32>(at, (1 << bits) - 1, 4);
    store<u32>(at, bits, 8);
    store<u32>(at, 0 - (symbol & 1), 12);
  }
}

// @ts-ignore: decorator
@inline
function joinLoop(
  width: u32, reference: usize, count: u32, shift: u32, toTop: u32, rest: u32, flip: u32, mask: u32,
  symbols: usize, low: usize, table: usize, out: usize,
): void {
  let position: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = table + (<usize>load<u8>(symbols + i) << 4);
    const field = <u32>(load<u64>(low + <usize>(position >> 3)) >> (position & 7)) & load<u32>(row, 4);
    position += load<u32>(row, 8);
    const magnitude = load<u32>(row) + field;
    const signs = load<u32>(row, 12);
    const b = readNumber(reference, i, width) >>> shift;
    const ordered = b ^ (((<u32>(<i32>(b << toTop) >> 31)) & rest) | flip);
    const sum = (ordered + ((magnitude ^ signs) - signs)) & mask;
    const number = sum ^ (((~(<u32>(<i32>(sum << toTop) >> 31))) & rest) | flip);
    writeNumber(out, i, width, number << shift);
  }
}

/** The reverse of splitDifferences. 8 bytes after the low bits are read too; `table` has room for 256 x 16 bytes. */
export function joinDifferences(
  width: u32, reference: usize, count: u32, shift: u32, toTop: u32, rest: u32, flip: u32, mask: u32,
  symbols: usize, low: usize, table: usize, out: usize,
): void {
  describeSymbols(table);
  if (width === 4) joinLoop(4, reference, count, shift, toTop, rest, flip, mask, symbols, low, table, out);
  else if (width === 2) joinLoop(2, reference, count, shift, toTop, rest, flip, mask, symbols, low, table, out);
  else joinLoop(1, reference, count, shift, toTop, rest, flip, mask, symbols, low, table, out);
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
    v128.store(base + at, moveOn(v128.load(base + at), v128.load(before + at), factors));
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
function moveOn(value: v128, before: v128, factors: v128): v128 {
  const next = f32x4.add(value, f32x4.mul(factors, f32x4.sub(value, before)));
  const difference = f32x4.sub(next, next);
  return v128.bitselect(next, value, f32x4.eq(difference, difference));
}

// @ts-ignore: decorator
@inline
function widenHalves(at: usize): v128 {
  const halves = v128.load16x4_u(at);
  const rest = v128.and(halves, i32x4.splat(0x7fff));
  const sign = i32x4.shl(v128.xor(halves, rest), 16);
  const moved = i32x4.shl(rest, 13);
  // 2^112 makes up for the smaller bias, also of subnormal numbers; what is infinite or NaN has all bits of the exponent set.
  const scaled = f32x4.mul(moved, f32x4.splat(reinterpret<f32>(0x77800000)));
  const isSpecial = i32x4.gt_s(rest, i32x4.splat(0x7bff));
  const isNan = i32x4.gt_s(rest, i32x4.splat(0x7c00));
  const special = v128.or(v128.or(moved, i32x4.splat(0x7f800000)), v128.and(isNan, i32x4.splat(0x400000)));
  return v128.or(sign, v128.bitselect(special, scaled, isSpecial));
}

// @ts-ignore: decorator
@inline
function narrowToHalves(values: v128): v128 {
  const rest = v128.and(values, i32x4.splat(0x7fffffff));
  const sign = i32x4.shl(i32x4.shr_u(values, 31), 15);
  const odd = v128.and(i32x4.shr_u(rest, 13), i32x4.splat(1));
  // The exponent less 112, and half a unit less one where the last bit kept is even.
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(rest, i32x4.splat(0xc8000fff)), odd), 13);
  // Adding .5 leaves a subnormal half in the lowest bits, rounded.
  const subnormal = i32x4.sub(f32x4.add(rest, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const finite = v128.bitselect(subnormal, normal, i32x4.lt_s(rest, i32x4.splat(0x38800000)));
  const isNan = i32x4.gt_s(rest, i32x4.splat(0x7f800000));
  const special = v128.bitselect(i32x4.splat(0x7e00), i32x4.splat(0x7c00), isNan);
  return v128.or(sign, v128.bitselect(special, finite, i32x4.gt_s(rest, i32x4.splat(0x477fffff))));
}

// @ts-ignore: decorator
@inline
function narrowToBfloats(values: v128): v128 {
  const odd = v128.and(i32x4.shr_u(values, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(values, i32x4.splat(0x7fff)), odd), 16);
  const nan = v128.or(v128.and(i32x4.shr_u(values, 16), i32x4.splat(0x8000)), i32x4.splat(0x7fc0));
  return v128.bitselect(nan, rounded, f32x4.ne(values, values));
}

/** As predictFloat32, of bf16, each result rounded to the nearest; whole fours, up to three numbers after the last are touched too. */
export function predictBfloat16(base: usize, before: usize, count: u32, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (let i: u32 = 0; i < count; i += 4) {
    const at = <usize>i << 1;
    const value = i32x4.shl(v128.load16x4_u(base + at), 16);
    const next = narrowToBfloats(moveOn(value, i32x4.shl(v128.load16x4_u(before + at), 16), factors));
    v128.store64_lane(base + at, i16x8.narrow_i32x4_u(next, next), 0);
  }
}

/** As predictBfloat16, of f16. */
export function predictFloat16(base: usize, before: usize, count: u32, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (let i: u32 = 0; i < count; i += 4) {
    const at = <usize>i << 1;
    const next = narrowToHalves(moveOn(widenHalves(base + at), widenHalves(before + at), factors));
    v128.store64_lane(base + at, i16x8.narrow_i32x4_u(next, next), 0);
  }
}

// @ts-ignore: decorator
@inline
function readFour(at: usize, index: u32, width: u32): v128 {
  if (width === 4) return v128.load(at + (<usize>index << 2));
  if (width === 2) return v128.load16x4_u(at + (<usize>index << 1));
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at + <usize>index)));
}

// @ts-ignore: decorator
@inline
function orderFour(numbers: v128, toTop: u32, rest: u32, flip: u32): v128 {
  const signs = i32x4.shr_s(i32x4.shl(numbers, toTop), 31);
  return v128.xor(numbers, v128.or(v128.and(signs, i32x4.splat(rest)), i32x4.splat(flip)));
}

// @ts-ignore: decorator
@inline
function lengthsOfFour(magnitudes: v128): v128 {
  // By the exponent of the same number as f32, which no rounding raises once the bit below the highest is cleared.
  const cleared = v128.andnot(magnitudes, i32x4.shr_u(magnitudes, 1));
  const exponents = i32x4.shr_u(f32x4.convert_i32x4_u(cleared), 23);
  return i32x4.max_s(i32x4.sub(exponents, i32x4.splat(126)), i32x4.splat(0));
}

/** Contexts of four numbers in 32 bits each, the sign of the last step above the lower half. */
// @ts-ignore: decorator
@inline
function quarterContexts(
  width: u32, reference: usize, base: usize, before: usize, at: u32, toTop: u32, rest: u32, flip: u32,
  classShift: u32, classMask: u32, first: i32, origin: i32,
): v128 {
  const c = v128.and(i32x4.shr_u(readFour(reference, at, width), classShift), i32x4.splat(classMask));
  const a = orderFour(readFour(base, at, width), toTop, rest, flip);
  const step = i32x4.sub(a, orderFour(readFour(before, at, width), toTop, rest, flip));
  const length = lengthsOfFour(i32x4.abs(step));
  const exponent = i32x4.min_s(i32x4.splat(31), i32x4.max_s(i32x4.splat(0), i32x4.sub(c, i32x4.splat(first))));
  const size = i32x4.min_s(
    i32x4.splat(7),
    i32x4.max_s(i32x4.splat(1), i32x4.sub(i32x4.add(length, c), i32x4.splat(origin))),
  );
  const isStill = i32x4.eq(step, i32x4.splat(0));
  const context = v128.or(i32x4.shl(exponent, 3), v128.andnot(size, isStill));
  return v128.or(context, i32x4.shl(i32x4.shr_u(step, 31), 16));
}

// @ts-ignore: decorator
@inline
function contextsLoop(
  width: u32, reference: usize, base: usize, before: usize, count: u32, toTop: u32, rest: u32, flip: u32,
  classShift: u32, classMask: u32, first: i32, origin: i32, contexts: usize, signs: usize,
): void {
  const end: u32 = count & ~15;
  for (let i: u32 = 0; i < end; i += 16) {
    const one = quarterContexts(width, reference, base, before, i, toTop, rest, flip, classShift, classMask, first, origin);
    const two = quarterContexts(width, reference, base, before, i + 4, toTop, rest, flip, classShift, classMask, first, origin);
    const three = quarterContexts(width, reference, base, before, i + 8, toTop, rest, flip, classShift, classMask, first, origin);
    const four = quarterContexts(width, reference, base, before, i + 12, toTop, rest, flip, classShift, classMask, first, origin);
    // A context in the lower half of each 32 bits, its sign above.
    const low = i32x4.splat(0xff);
    v128.store(
      contexts + i,
      i8x16.narrow_i16x8_u(
        i16x8.narrow_i32x4_u(v128.and(one, low), v128.and(two, low)),
        i16x8.narrow_i32x4_u(v128.and(three, low), v128.and(four, low)),
      ),
    );
    v128.store(
      signs + i,
      i8x16.narrow_i16x8_u(
        i16x8.narrow_i32x4_u(i32x4.shr_u(one, 16), i32x4.shr_u(two, 16)),
        i16x8.narrow_i32x4_u(i32x4.shr_u(three, 16), i32x4.shr_u(four, 16)),
      ),
    );
  }
  for (let i = end; i < count; i++) {
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
  const end = count & ~15;
  for (let i: u32 = 0; i < end; i += 16) {
    const symbol = v128.load(symbols + i);
    const turned = v128.and(v128.load(signs + i), i8x16.gt_u(symbol, i8x16.splat(3)));
    v128.store(symbols + i, v128.xor(symbol, turned));
  }
  for (let i = end; i < count; i++) {
    const symbol: u32 = load<u8>(symbols + i);
    store<u8>(symbols + i, <u8>(symbol ^ (symbol > 3 ? <u32>load<u8>(signs + i) : 0)));
  }
}

/** Length of the last step of each number, at most 7, twice, plus one where it went down; up to three numbers after the last are touched too. */
export function findSteps(
  width: u32, base: usize, before: usize, count: u32, toTop: u32, rest: u32, flip: u32, steps: usize,
): void {
  for (let i: u32 = 0; i < count; i += 4) {
    const a = orderFour(readFour(base, i, width), toTop, rest, flip);
    const step = i32x4.sub(a, orderFour(readFour(before, i, width), toTop, rest, flip));
    const length = i32x4.min_s(lengthsOfFour(i32x4.abs(step)), i32x4.splat(7));
    const halves = v128.or(i32x4.shl(length, 1), i32x4.shr_u(step, 31));
    const narrow = i16x8.narrow_i32x4_u(halves, halves);
    v128.store32_lane(steps + i, i8x16.narrow_i16x8_u(narrow, narrow), 0);
  }
}

// The adaptive codec's model: probabilities (f64), how often each was used (u16), and by how much each use moves it (f64).
const SIGNS: u32 = 256 * 8;
const LENGTHS: u32 = SIGNS + 16;
const SECONDS: u32 = LENGTHS + 256 * 3 * 33;
const DECISIONS: u32 = SECONDS + 33;
const LONGEST_MEMORY: u32 = 1023;
const LEAST: f64 = 1.0 / 262144.0;

// @ts-ignore: decorator
@inline
function countsOf(model: usize): usize {
  return model + (<usize>DECISIONS << 3);
}

// @ts-ignore: decorator
@inline
function ratesOf(model: usize): usize {
  return model + (((<usize>DECISIONS * 10) + 7) & ~7);
}

/** Bytes that the model takes. */
export function modelByteLength(): u32 {
  return <u32>ratesOf(0) + (LONGEST_MEMORY + 1) * 8;
}

function beginModel(model: usize): void {
  for (let i: u32 = 0; i < DECISIONS; i++) {
    store<f64>(model + (<usize>i << 3), i < SIGNS ? 1.0 / 32.0 : 0.5);
    store<u16>(countsOf(model) + (<usize>i << 1), 0);
  }
  for (let n: u32 = 0; n <= LONGEST_MEMORY; n++) store<f64>(ratesOf(model) + (<usize>n << 3), 1.0 / (<f64>n + 1.5));
}

// @ts-ignore: decorator
@inline
function learn(model: usize, context: u32, bit: u32): void {
  const place = model + (<usize>context << 3);
  const used = countsOf(model) + (<usize>context << 1);
  const n: u32 = load<u16>(used);
  const one = load<f64>(place);
  const next = one + (<f64>bit - one) * load<f64>(ratesOf(model) + (<usize>n << 3));
  store<f64>(place, min<f64>(max<f64>(next, LEAST), 1.0 - LEAST));
  store<u16>(used, <u16>(n + <u32>(n < LONGEST_MEMORY)));
}

let coderLow: u32 = 0;
let coderHigh: u32 = 0;
let coderCode: u32 = 0;
let coderAt: usize = 0;
let coderEnd: usize = 0;

function decodeBit(one: f64): u32 {
  let low = coderLow;
  let high = coderHigh;
  let code = coderCode;
  const middle = low + <u32>(<f64>(high - low) * one);
  const bit: u32 = code <= middle ? 1 : 0;
  if (bit) high = middle;
  else low = middle + 1;
  while (((low ^ high) & 0xff000000) === 0) {
    low <<= 8;
    high = (high << 8) | 255;
    code = (code << 8) | (coderAt < coderEnd ? <u32>load<u8>(coderAt) : 0);
    coderAt++;
  }
  coderLow = low;
  coderHigh = high;
  coderCode = code;
  return bit;
}

function decodeLearned(model: usize, context: u32): u32 {
  const bit = decodeBit(load<f64>(model + (<usize>context << 3)));
  learn(model, context, bit);
  return bit;
}

/** The difference of a number that changes, two's complement. */
function decodeDifference(model: usize, lengths: u32, step: u32): u32 {
  const sign = decodeLearned(model, SIGNS + step);
  let length: u32 = 1;
  while (length < 32 && decodeLearned(model, lengths + length) === 0) length++;
  let magnitude: u32 = 1;
  if (length > 1) magnitude = 2 | decodeLearned(model, SECONDS + length);
  if (length > 2) {
    let field: u32 = 0;
    for (let i: u32 = 0; i < length - 2; i++) field |= decodeBit(0.5) << i;
    magnitude = (magnitude << (length - 2)) | field;
  }
  return (magnitude ^ (0 - sign)) + sign;
}

// @ts-ignore: decorator
@inline
function lengthsFor(c: u32, step: u32): u32 {
  return LENGTHS + (c * 3 + min<u32>(step >>> 1, 2)) * 33;
}

// @ts-ignore: decorator
@inline
function decodeChangesLoop(
  width: u32, numbers: usize, count: u32, toTop: u32, rest: u32, flip: u32, mask: u32, classShift: u32, classMask: u32,
  steps: usize, model: usize,
): void {
  let low = coderLow;
  let high = coderHigh;
  let code = coderCode;
  for (let i: u32 = 0; i < count; i++) {
    const b = readNumber(numbers, i, width);
    const c = (b >>> classShift) & classMask;
    const step: u32 = load<u8>(steps + i);
    const context = (c << 3) | (step >>> 1);
    const middle = low + <u32>(<f64>(high - low) * load<f64>(model + (<usize>context << 3)));
    const bit: u32 = code <= middle ? 1 : 0;
    if (bit) high = middle;
    else low = middle + 1;
    while (((low ^ high) & 0xff000000) === 0) {
      low <<= 8;
      high = (high << 8) | 255;
      code = (code << 8) | (coderAt < coderEnd ? <u32>load<u8>(coderAt) : 0);
      coderAt++;
    }
    learn(model, context, bit);
    if (bit === 0) continue;
    coderLow = low;
    coderHigh = high;
    coderCode = code;
    const difference = decodeDifference(model, lengthsFor(c, step), step);
    low = coderLow;
    high = coderHigh;
    code = coderCode;
    const ordered = b ^ (((<u32>(<i32>(b << toTop) >> 31)) & rest) | flip);
    const sum = (ordered + difference) & mask;
    writeNumber(numbers, i, width, sum ^ (((~(<u32>(<i32>(sum << toTop) >> 31))) & rest) | flip));
  }
}

/** Decodes changes of numbers, in place. Returns how many bytes were taken in, also those after the end, which are zeros. */
export function decodeChanges(
  width: u32, numbers: usize, count: u32, toTop: u32, rest: u32, flip: u32, mask: u32, classShift: u32, classMask: u32,
  steps: usize, coded: usize, codedLength: u32, model: usize,
): usize {
  beginModel(model);
  coderLow = 0;
  coderHigh = 0xffffffff;
  coderCode = bswap(load<u32>(coded));
  coderAt = coded + 4;
  coderEnd = coded + codedLength;
  if (width === 4) decodeChangesLoop(4, numbers, count, toTop, rest, flip, mask, classShift, classMask, steps, model);
  else if (width === 2) decodeChangesLoop(2, numbers, count, toTop, rest, flip, mask, classShift, classMask, steps, model);
  else decodeChangesLoop(1, numbers, count, toTop, rest, flip, mask, classShift, classMask, steps, model);
  return coderAt - coded;
}

function encodeBit(bit: u32, one: f64): void {
  let low = coderLow;
  let high = coderHigh;
  const middle = low + <u32>(<f64>(high - low) * one);
  if (bit) high = middle;
  else low = middle + 1;
  while (((low ^ high) & 0xff000000) === 0) {
    if (coderAt < coderEnd) store<u8>(coderAt, <u8>(high >>> 24));
    coderAt++;
    low <<= 8;
    high = (high << 8) | 255;
  }
  coderLow = low;
  coderHigh = high;
}

function encodeLearned(bit: u32, model: usize, context: u32): void {
  encodeBit(bit, load<f64>(model + (<usize>context << 3)));
  learn(model, context, bit);
}

function encodeDifference(difference: u32, model: usize, lengths: u32, step: u32): void {
  const sign = difference >>> 31;
  const magnitude = (difference ^ (0 - sign)) + sign;
  const length: u32 = 32 - clz<u32>(magnitude);
  encodeLearned(sign, model, SIGNS + step);
  for (let k: u32 = 1; k <= length && k < 32; k++) encodeLearned(<u32>(k === length), model, lengths + k);
  if (length > 1) encodeLearned((magnitude >>> (length - 2)) & 1, model, SECONDS + length);
  if (length > 2) for (let i: u32 = 0; i < length - 2; i++) encodeBit((magnitude >>> i) & 1, 0.5);
}

/** The reverse of decodeChanges: codes how numbers differ from known ones. Returns the bytes that it takes; more than `room` where they did not fit. */
export function encodeChanges(
  width: u32, plain: usize, numbers: usize, count: u32, toTop: u32, rest: u32, flip: u32, classShift: u32, classMask: u32,
  steps: usize, out: usize, room: u32, model: usize,
): usize {
  beginModel(model);
  coderLow = 0;
  coderHigh = 0xffffffff;
  coderAt = out;
  coderEnd = out + room;
  for (let i: u32 = 0; i < count; i++) {
    const a = readNumber(plain, i, width);
    const b = readNumber(numbers, i, width);
    const c = (b >>> classShift) & classMask;
    const step: u32 = load<u8>(steps + i);
    encodeLearned(<u32>(a !== b), model, (c << 3) | (step >>> 1));
    if (a === b) continue;
    const orderedA = a ^ (((<u32>(<i32>(a << toTop) >> 31)) & rest) | flip);
    const orderedB = b ^ (((<u32>(<i32>(b << toTop) >> 31)) & rest) | flip);
    encodeDifference(orderedA - orderedB, model, lengthsFor(c, step), step);
  }
  for (let shift: i32 = 24; shift >= 0; shift -= 8) {
    if (coderAt < coderEnd) store<u8>(coderAt, <u8>(coderLow >>> shift));
    coderAt++;
  }
  return coderAt - out;
}
