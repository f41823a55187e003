// The hot loop of src/symmetry as WebAssembly, in AssemblyScript: inner products of rows. src/symmetry/row-products.ts lays out the memory.

/** What four partial sums and the products that are left over come to, in the order of the plain loop. */
// @ts-ignore: decorator
@inline
function finish(low: v128, high: v128, a: usize, b: usize, rest: usize): f64 {
  let first = f64x2.extract_lane(low, 0);
  for (let at: usize = 0; at < rest; at += 8) first += load<f64>(a + at) * load<f64>(b + at);
  return first + f64x2.extract_lane(low, 1) + (f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1));
}

/** Products of a row with one other: four partial sums, as the plain loop has them. */
function multiplyPair(a: usize, b: usize, whole: usize, rest: usize, out: usize): void {
  let low = f64x2.splat(0), high = low;
  for (let at: usize = 0; at < whole; at += 32) {
    low = f64x2.add(low, f64x2.mul(v128.load(a + at), v128.load(b + at)));
    high = f64x2.add(high, f64x2.mul(v128.load(a + at, 16), v128.load(b + at, 16)));
  }
  store<f64>(out, finish(low, high, a + whole, b + whole, rest));
}

/** Products of a row with four others. */
function multiplyFour(a: usize, b: usize, step: usize, whole: usize, rest: usize, out: usize): void {
  let l0 = f64x2.splat(0), l1 = l0, l2 = l0, l3 = l0;
  let h0 = l0, h1 = l0, h2 = l0, h3 = l0;
  const b1 = b + step, b2 = b1 + step, b3 = b2 + step;
  for (let at: usize = 0; at < whole; at += 32) {
    const x = v128.load(a + at);
    const y = v128.load(a + at, 16);
    l0 = f64x2.add(l0, f64x2.mul(x, v128.load(b + at)));
    h0 = f64x2.add(h0, f64x2.mul(y, v128.load(b + at, 16)));
    l1 = f64x2.add(l1, f64x2.mul(x, v128.load(b1 + at)));
    h1 = f64x2.add(h1, f64x2.mul(y, v128.load(b1 + at, 16)));
    l2 = f64x2.add(l2, f64x2.mul(x, v128.load(b2 + at)));
    h2 = f64x2.add(h2, f64x2.mul(y, v128.load(b2 + at, 16)));
    l3 = f64x2.add(l3, f64x2.mul(x, v128.load(b3 + at)));
    h3 = f64x2.add(h3, f64x2.mul(y, v128.load(b3 + at, 16)));
  }
  store<f64>(out, finish(l0, h0, a + whole, b + whole, rest));
  store<f64>(out, finish(l1, h1, a + whole, b1 + whole, rest), 8);
  store<f64>(out, finish(l2, h2, a + whole, b2 + whole, rest), 16);
  store<f64>(out, finish(l3, h3, a + whole, b3 + whole, rest), 24);
}

/** Products of `count` rows of `width` numbers with as many others, row by row. */
export function multiplyRows(a: usize, b: usize, width: u32, count: u32, out: usize): void {
  const step = <usize>width << 3;
  const whole = <usize>(width & ~3) << 3;
  const fours = <usize>(count & ~3);
  for (let i: usize = 0; i < <usize>count; i++) {
    const row = a + i * step;
    const to = out + ((i * <usize>count) << 3);
    for (let j: usize = 0; j < fours; j += 4) multiplyFour(row, b + j * step, step, whole, step - whole, to + (j << 3));
    for (let j = fours; j < <usize>count; j++) multiplyPair(row, b + j * step, whole, step - whole, to + (j << 3));
  }
}
