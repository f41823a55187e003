// Bases that are moved on by a share of their last step.

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
