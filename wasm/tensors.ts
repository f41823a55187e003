// Hot loops of src/tensors as WebAssembly, in AssemblyScript: statistics of f32 values. Value i of a piece is added in lane i & 3, as the plain loops of
// src/tensors/statistics.ts do it, so that the sums are the same to the last bit. src/tensors/value-memory.ts lays out the memory.

/** Sums of the first to fourth powers of the distance and of squares, four f64 lanes each; then the least, the greatest (f32), zeros and finite values (u32). */
const SUM_BYTES: usize = 32;
const LEAST: usize = 160;
const GREATEST: usize = 176;
const ZEROS: usize = 192;
const FINITE: usize = 208;

// @ts-ignore: decorator
@inline
function high(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3));
}

/** All ones in the lanes of finite values, of which `rest` are there. */
// @ts-ignore: decorator
@inline
function finiteLanes(v: v128, rest: i32): v128 {
  const finite = i32x4.lt_s(v128.and(v, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000));
  return rest >= 4 ? finite : v128.and(finite, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(rest)));
}

/** Adds finite values to four f64 lanes, and counts them in four u32 lanes behind. */
export function addFinite(values: usize, count: i32, out: usize): void {
  let low = v128.load(out), upper = v128.load(out, 16), finite = v128.load(out, 32);
  for (let i = 0; i < count; i += 4) {
    const v = v128.load(values + (<usize>i << 2));
    const lanes = finiteLanes(v, count - i);
    const kept = v128.and(v, lanes);
    low = f64x2.add(low, f64x2.promote_low_f32x4(kept));
    upper = f64x2.add(upper, high(kept));
    finite = i32x4.sub(finite, lanes);
  }
  v128.store(out, low);
  v128.store(out, upper, 16);
  v128.store(out, finite, 32);
}

/** Adds values to the sums at `state`. */
export function addStatistics(values: usize, count: i32, shift: f64, state: usize): void {
  const shifts = f64x2.splat(shift);
  let firstA = v128.load(state), firstB = v128.load(state, 16);
  let secondA = v128.load(state, SUM_BYTES), secondB = v128.load(state, SUM_BYTES + 16);
  let thirdA = v128.load(state, 2 * SUM_BYTES), thirdB = v128.load(state, 2 * SUM_BYTES + 16);
  let fourthA = v128.load(state, 3 * SUM_BYTES), fourthB = v128.load(state, 3 * SUM_BYTES + 16);
  let squaresA = v128.load(state, 4 * SUM_BYTES), squaresB = v128.load(state, 4 * SUM_BYTES + 16);
  let least = v128.load(state, LEAST), greatest = v128.load(state, GREATEST);
  let zeros = v128.load(state, ZEROS), finite = v128.load(state, FINITE);
  for (let i = 0; i < count; i += 4) {
    let v = v128.load(values + (<usize>i << 2));
    const lanes = finiteLanes(v, count - i);
    const kept = v128.and(v, lanes);
    const valueA = f64x2.promote_low_f32x4(kept), valueB = high(kept);
    let distanceA = f64x2.sub(valueA, shifts), distanceB = f64x2.sub(valueB, shifts);
    if (!i32x4.all_true(lanes)) {
      distanceA = v128.and(distanceA, i64x2.extend_low_i32x4_s(lanes));
      distanceB = v128.and(distanceB, i64x2.extend_high_i32x4_s(lanes));
      // No number: neither less, nor greater, nor 0.
      v = v128.or(v, v128.not(lanes));
    }
    const squareA = f64x2.mul(distanceA, distanceA), squareB = f64x2.mul(distanceB, distanceB);
    firstA = f64x2.add(firstA, distanceA);
    firstB = f64x2.add(firstB, distanceB);
    secondA = f64x2.add(secondA, squareA);
    secondB = f64x2.add(secondB, squareB);
    thirdA = f64x2.add(thirdA, f64x2.mul(squareA, distanceA));
    thirdB = f64x2.add(thirdB, f64x2.mul(squareB, distanceB));
    fourthA = f64x2.add(fourthA, f64x2.mul(squareA, squareA));
    fourthB = f64x2.add(fourthB, f64x2.mul(squareB, squareB));
    squaresA = f64x2.add(squaresA, f64x2.mul(valueA, valueA));
    squaresB = f64x2.add(squaresB, f64x2.mul(valueB, valueB));
    least = f32x4.pmin(least, v);
    greatest = f32x4.pmax(greatest, v);
    zeros = i32x4.sub(zeros, f32x4.eq(v, f32x4.splat(0)));
    finite = i32x4.sub(finite, lanes);
  }
  v128.store(state, firstA);
  v128.store(state, firstB, 16);
  v128.store(state, secondA, SUM_BYTES);
  v128.store(state, secondB, SUM_BYTES + 16);
  v128.store(state, thirdA, 2 * SUM_BYTES);
  v128.store(state, thirdB, 2 * SUM_BYTES + 16);
  v128.store(state, fourthA, 3 * SUM_BYTES);
  v128.store(state, fourthB, 3 * SUM_BYTES + 16);
  v128.store(state, squaresA, 4 * SUM_BYTES);
  v128.store(state, squaresB, 4 * SUM_BYTES + 16);
  v128.store(state, least, LEAST);
  v128.store(state, greatest, GREATEST);
  v128.store(state, zeros, ZEROS);
  v128.store(state, finite, FINITE);
}
