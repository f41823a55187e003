// The hot loop of src/neighbors as WebAssembly, in AssemblyScript: products of coarse rows with a query. src/neighbors/coarse-rows.ts lays out the memory.

/**
 * Products of `count` rows of signed bytes with a query of signed 16-bit numbers, as whole numbers: exact, for the query is so scaled that no sum
 * overflows. `dimension` is a multiple of 16; `step` bytes lead from row to row.
 */
export function multiplyCoarse(rows: usize, step: u32, count: u32, query: usize, dimension: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = rows + i * step;
    let a = i32x4.splat(0), b = a;
    for (let at: usize = 0; at < <usize>dimension; at += 16) {
      const codes = v128.load(row + at);
      a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(codes), v128.load(query + (at << 1))));
      b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(codes), v128.load(query + (at << 1), 16)));
    }
    const sums = i32x4.add(a, b);
    store<i32>(
      out + (i << 2),
      i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3),
    );
  }
}
