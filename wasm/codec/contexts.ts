// What the last step says of the next: contexts, signs, steps.
import { readNumber } from './numbers';

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
