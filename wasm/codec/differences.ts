// Differences of ordered integers, as symbols and low bits.
import { readNumber, writeNumber } from './numbers';

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
