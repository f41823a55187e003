// The hot loop of src/lineage as WebAssembly, in AssemblyScript: inner products of many points. src/lineage/tile-products.ts lays out the memory.

// @ts-ignore: decorator
@inline
function sum(lanes: v128): f32 {
  return (
    f32x4.extract_lane(lanes, 0) + f32x4.extract_lane(lanes, 1) + (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))
  );
}

/** Products of two points with four others; `step` bytes from point to point. */
function multiplyBlock(a: usize, b: usize, step: usize, out: usize, row: usize): void {
  let p0 = f32x4.splat(0), p1 = p0, p2 = p0, p3 = p0;
  let q0 = p0, q1 = p0, q2 = p0, q3 = p0;
  const b1 = b + step, b2 = b1 + step, b3 = b2 + step;
  for (let at: usize = 0; at < step; at += 16) {
    const x = v128.load(a + at);
    const y = v128.load(a + step + at);
    let other = v128.load(b + at);
    p0 = f32x4.add(p0, f32x4.mul(x, other));
    q0 = f32x4.add(q0, f32x4.mul(y, other));
    other = v128.load(b1 + at);
    p1 = f32x4.add(p1, f32x4.mul(x, other));
    q1 = f32x4.add(q1, f32x4.mul(y, other));
    other = v128.load(b2 + at);
    p2 = f32x4.add(p2, f32x4.mul(x, other));
    q2 = f32x4.add(q2, f32x4.mul(y, other));
    other = v128.load(b3 + at);
    p3 = f32x4.add(p3, f32x4.mul(x, other));
    q3 = f32x4.add(q3, f32x4.mul(y, other));
  }
  store<f32>(out, sum(p0));
  store<f32>(out, sum(p1), 4);
  store<f32>(out, sum(p2), 8);
  store<f32>(out, sum(p3), 12);
  store<f32>(out + row, sum(q0));
  store<f32>(out + row, sum(q1), 4);
  store<f32>(out + row, sum(q2), 8);
  store<f32>(out + row, sum(q3), 12);
}

/** Products of `count` points with `count` others, row by row; both counts and the dimension are multiples of four. */
export function multiplyTiles(a: usize, b: usize, dimension: u32, count: u32, out: usize): void {
  const step = <usize>dimension << 2;
  const row = <usize>count << 2;
  for (let i: usize = 0; i < <usize>count; i += 2) {
    for (let k: usize = 0; k < <usize>count; k += 4) multiplyBlock(a + i * step, b + k * step, step, out + i * row + (k << 2), row);
  }
}
