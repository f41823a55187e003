// Hot loops of src/sketch as WebAssembly, in AssemblyScript: what count-sketch.ts, element-places.ts and unit-means.ts do element by element,
// with the same additions to each sum in the same order, so that sketches are the same to the last bit. src/sketch/sketch-kernels.ts lays out the memory.

const BLOCK: u32 = 2048;
const BUCKET_SHIFT: u32 = 21;

/** An odometer in memory: run {size, index, row, column}, start {index, row, column}, done, axes, then for each axis {size, index, row, column, counter}. */
const RUN_SIZE: usize = 0;
const START: usize = 16;
const DONE: usize = 28;
const AXES: usize = 32;
const FIRST_AXIS: usize = 48;
const AXIS_BYTES: usize = 32;

function nextRun(places: usize): void {
  store<u32>(places, 0, DONE);
  for (let axis = <i32>load<u32>(places, AXES) - 1; axis >= 0; axis--) {
    const at = places + FIRST_AXIS + <usize>axis * AXIS_BYTES;
    const size = load<u32>(at);
    const counter = load<u32>(at, 16) + 1;
    const ends = counter === size;
    // Places are known modulo 2^32.
    const factor: u32 = ends ? 1 - size : 1;
    for (let k: usize = 0; k < 12; k += 4) {
      const to = places + START + k;
      store<u32>(to, load<u32>(to) + factor * load<u32>(at + 4 + k));
    }
    store<u32>(at, ends ? 0 : counter, 16);
    if (!ends) return;
  }
}

// @ts-ignore: decorator
@inline
function upper(v: v128): v128 {
  return v128.shuffle<i32>(v, v, 2, 3, 2, 3);
}

/** Byte offsets of the buckets of four canonical indexes. */
// @ts-ignore: decorator
@inline
function bucketsOf(indexes: v128, seeds: v128): v128 {
  let hash = v128.xor(indexes, seeds);
  hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 16)), i32x4.splat(0x85ebca6b));
  hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 13)), i32x4.splat(0xc2b2ae35));
  return i32x4.shl(i32x4.shr_u(hash, BUCKET_SHIFT), 3);
}

// @ts-ignore: decorator
@inline
function addTo(at: usize, value: f64): void {
  store<f64>(at, load<f64>(at) + value);
}

/** Adds four values to their buckets, in order. */
// @ts-ignore: decorator
@inline
function addFour(sums: usize, buckets: v128, values: usize): void {
  addTo(sums + <usize>i32x4.extract_lane(buckets, 0), <f64>load<f32>(values));
  addTo(sums + <usize>i32x4.extract_lane(buckets, 1), <f64>load<f32>(values, 4));
  addTo(sums + <usize>i32x4.extract_lane(buckets, 2), <f64>load<f32>(values, 8));
  addTo(sums + <usize>i32x4.extract_lane(buckets, 3), <f64>load<f32>(values, 12));
}

/** Adds values to the buckets of indexes `step` apart; gives `total` with the values added to it, one after the other. */
function addRun(sums: usize, seed: u32, values: usize, count: u32, index: u32, step: u32, total: f64): f64 {
  const seeds = i32x4.splat(seed);
  const steps = i32x4.splat(4 * step);
  let indexes = i32x4.add(i32x4.splat(index), i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(step)));
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) {
    const at = values + (<usize>i << 2);
    addFour(sums, bucketsOf(indexes, seeds), at);
    indexes = i32x4.add(indexes, steps);
    total += <f64>load<f32>(at);
    total += <f64>load<f32>(at, 4);
    total += <f64>load<f32>(at, 8);
    total += <f64>load<f32>(at, 12);
  }
  for (; i < count; i++) {
    const value = <f64>load<f32>(values + (<usize>i << 2));
    const bucket = bucketsOf(i32x4.splat(index + i * step), seeds);
    addTo(sums + <usize>i32x4.extract_lane(bucket, 0), value);
    total += value;
  }
  return total;
}

/** A cell and, 8 bytes on, what is still to be added to it: that of rows, and that of columns behind it. */
const PENDING_BYTES: usize = 16;

/** Turns to a cell: what waits for another is added to it. */
// @ts-ignore: decorator
@inline
function turnTo(pending: usize, table: usize, cell: u32): void {
  const last = load<u32>(pending);
  if (cell === last) return;
  addTo(table + (<usize>last << 3), load<f64>(pending, 8));
  store<u32>(pending, cell);
  store<f64>(pending, 0, 8);
}

/** Adds neighbouring values to neighbouring cells. */
// @ts-ignore: decorator
@inline
function addToNeighbors(table: usize, values: usize, count: u32): void {
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) {
    const at = table + (<usize>i << 3);
    const v = v128.load(values + (<usize>i << 2));
    v128.store(at, f64x2.add(v128.load(at), f64x2.promote_low_f32x4(v)));
    v128.store(at, f64x2.add(v128.load(at, 16), f64x2.promote_low_f32x4(upper(v))), 16);
  }
  for (; i < count; i++) addTo(table + (<usize>i << 3), <f64>load<f32>(values + (<usize>i << 2)));
}

/** Adds values to cells that are `step` apart. */
// @ts-ignore: decorator
@inline
function addToCells(table: usize, values: usize, count: u32, cell: u32, step: u32): void {
  if (step === 1) return addToNeighbors(table + (<usize>cell << 3), values, count);
  for (let i: u32 = 0; i < count; i++) {
    addTo(table + (<usize>(cell + i * step) << 3), <f64>load<f32>(values + (<usize>i << 2)));
  }
}

/** Adds a run of values to cells that are `step` apart. The first may go on with what waits, the last waits. */
function addRunToCells(pending: usize, table: usize, values: usize, count: u32, cell: u32, step: u32): void {
  turnTo(pending, table, cell);
  addTo(pending + 8, <f64>load<f32>(values));
  if (count === 1) return;
  const last = count - 1;
  turnTo(pending, table, cell + last * step);
  addToCells(table, values + 4, last - 1, cell + step, step);
  store<f64>(pending, <f64>load<f32>(values + (<usize>last << 2)), 8);
}

/** What {@link nextRuns} found: how many runs, where the first begins, how its places follow each other, and how far the next run is. */
let runs: u32 = 0;
let index: u32 = 0;
let row: u32 = 0;
let column: u32 = 0;
let stepIndex: u32 = 0;
let stepRow: u32 = 0;
let stepColumn: u32 = 0;
let moveIndex: u32 = 0;
let moveRow: u32 = 0;
let moveColumn: u32 = 0;

/** Finds the runs that come next, of at most `most` elements together, and goes past them: how many elements each has. One that is cut comes alone. */
function nextRuns(places: usize, most: u32): u32 {
  const size = load<u32>(places, RUN_SIZE);
  const done = load<u32>(places, DONE);
  const axes = load<u32>(places, AXES);
  stepIndex = load<u32>(places, 4);
  stepRow = load<u32>(places, 8);
  stepColumn = load<u32>(places, 12);
  index = load<u32>(places, START) + done * stepIndex;
  row = load<u32>(places, START + 4) + done * stepRow;
  column = load<u32>(places, START + 8) + done * stepColumn;
  runs = 1;
  if (axes === 0 || done !== 0 || most < size) {
    const count = min(most, size - done);
    store<u32>(places, done + count, DONE);
    if (done + count === size) nextRun(places);
    return count;
  }
  const axis = places + FIRST_AXIS + <usize>(axes - 1) * AXIS_BYTES;
  const counter = load<u32>(axis, 16);
  runs = min(most / size, load<u32>(axis) - counter);
  moveIndex = load<u32>(axis, 4);
  moveRow = load<u32>(axis, 8);
  moveColumn = load<u32>(axis, 12);
  store<u32>(places, index + (runs - 1) * moveIndex, START);
  store<u32>(places, row + (runs - 1) * moveRow, START + 4);
  store<u32>(places, column + (runs - 1) * moveColumn, START + 8);
  store<u32>(axis, counter + runs - 1, 16);
  nextRun(places);
  return size;
}

/** Adds a run to the buckets and, in the same go, to the row when it is one cell. */
function addSegment(pending: usize, sums: usize, seed: u32, values: usize, count: u32, rows: usize, columns: usize): void {
  if (rows !== 0 && stepRow === 0) {
    turnTo(pending, rows, row);
    store<f64>(pending, addRun(sums, seed, values, count, index, stepIndex, load<f64>(pending, 8)), 8);
  } else {
    addRun(sums, seed, values, count, index, stepIndex, 0);
    if (rows !== 0) addRunToCells(pending, rows, values, count, row, stepRow);
  }
  if (columns === 0) return;
  const pendingColumn = pending + PENDING_BYTES;
  if (stepColumn !== 0) return addRunToCells(pendingColumn, columns, values, count, column, stepColumn);
  turnTo(pendingColumn, columns, column);
  let sum = load<f64>(pendingColumn, 8);
  for (let i: u32 = 0; i < count; i++) sum += <f64>load<f32>(values + (<usize>i << 2));
  store<f64>(pendingColumn, sum, 8);
}

/** Adds a block in which neighbours may share a cell: their sum is added to it at once. */
function addBlock(
  places: usize, pending: usize, sums: usize, seed: u32, values: usize, count: u32, rows: usize, columns: usize,
): void {
  for (let from: u32 = 0; from < count; ) {
    const size = nextRuns(places, count - from);
    if (from === 0) {
      store<u32>(pending, row);
      store<f64>(pending, 0, 8);
      store<u32>(pending + PENDING_BYTES, column);
      store<f64>(pending + PENDING_BYTES, 0, 8);
    }
    for (let k: u32 = 0; k < runs; k++) {
      addSegment(pending, sums, seed, values + (<usize>from << 2), size, rows, columns);
      from += size;
      index += moveIndex;
      row += moveRow;
      column += moveColumn;
    }
  }
  if (rows !== 0) addTo(rows + (<usize>load<u32>(pending) << 3), load<f64>(pending, 8));
  if (columns !== 0) addTo(columns + (<usize>load<u32>(pending + PENDING_BYTES) << 3), load<f64>(pending + PENDING_BYTES, 8));
}

/** True where no two neighbours share a cell; `step`: where the step of the table stands among those of an axis. */
function isApart(places: usize, step: usize): bool {
  const stride = load<u32>(places + step);
  if (stride === 0) return false;
  let back = (load<u32>(places, RUN_SIZE) - 1) * stride;
  for (let axis = <i32>load<u32>(places, AXES) - 1; axis >= 0; axis--) {
    const at = places + FIRST_AXIS + <usize>axis * AXIS_BYTES;
    const move = load<u32>(at + step);
    if (move === back) return false;
    back += (load<u32>(at) - 1) * move;
  }
  return true;
}

/** Adds values of which no two neighbours share a cell. */
function addDirectly(places: usize, sums: usize, seed: u32, values: usize, count: u32, rows: usize, columns: usize): void {
  while (count !== 0) {
    const size = nextRuns(places, count);
    const bytes = <usize>size << 2;
    let place = index, toRow = row, toColumn = column;
    for (let k: u32 = 0; k < runs; k++) {
      addRun(sums, seed, values, size, place, stepIndex, 0);
      if (rows !== 0) addToCells(rows, values, size, toRow, stepRow);
      if (columns !== 0) addToCells(columns, values, size, toColumn, stepColumn);
      place += moveIndex;
      toRow += moveRow;
      toColumn += moveColumn;
      values += bytes;
    }
    count -= runs * size;
  }
}

/** Adds values to the sums, and to the tables of rows and columns where these are (0: not). `pending`: room for 32 bytes. */
export function addElements(
  places: usize, pending: usize, sums: usize, seed: u32, values: usize, count: u32, rows: usize, columns: usize,
): void {
  if ((rows === 0 || isApart(places, 8)) && (columns === 0 || isApart(places, 12))) {
    return addDirectly(places, sums, seed, values, count, rows, columns);
  }
  for (let from: u32 = 0; from < count; from += BLOCK) {
    addBlock(places, pending, sums, seed, values + (<usize>from << 2), min(BLOCK, count - from), rows, columns);
  }
}

/** Writes what centring subtracts from a run whose rows and columns are `stepRow` (0 or 1) and 1 apart. */
// @ts-ignore: decorator
@inline
function writeNeighborMeans(means: usize, count: u32, rows: usize, columns: usize, isOneRow: bool): void {
  const mean = load<f64>(rows);
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 3;
    const rowsA = isOneRow ? f64x2.splat(mean) : v128.load(rows + at);
    const rowsB = isOneRow ? rowsA : v128.load(rows + at, 16);
    const low = f32x4.demote_f64x2_zero(f64x2.add(rowsA, v128.load(columns + at)));
    const high = f32x4.demote_f64x2_zero(f64x2.add(rowsB, v128.load(columns + at, 16)));
    v128.store(means + (at >> 1), v128.shuffle<i32>(low, high, 0, 1, 4, 5));
  }
  for (; i < count; i++) {
    const at = <usize>i << 3;
    store<f32>(means + (at >> 1), <f32>((isOneRow ? mean : load<f64>(rows + at)) + load<f64>(columns + at)));
  }
}

/** Writes what centring subtracts from a run; a table that is not there gives 0. */
function writeMeans(means: usize, count: u32, rows: usize, columns: usize, row: u32, column: u32): void {
  const atRow = rows + (<usize>row << 3), atColumn = columns + (<usize>column << 3);
  if (rows !== 0 && columns !== 0 && stepColumn === 1 && stepRow === 0) {
    return writeNeighborMeans(means, count, atRow, atColumn, true);
  }
  if (rows !== 0 && columns !== 0 && stepColumn === 1 && stepRow === 1) {
    return writeNeighborMeans(means, count, atRow, atColumn, false);
  }
  for (let i: u32 = 0; i < count; i++) {
    const rowMean = rows === 0 ? 0 : load<f64>(atRow + (<usize>(i * stepRow) << 3));
    const columnMean = columns === 0 ? 0 : load<f64>(atColumn + (<usize>(i * stepColumn) << 3));
    store<f32>(means + (<usize>i << 2), <f32>(rowMean + columnMean));
  }
}

/** Adds the means of `count` elements to sums. */
export function addMeans(
  places: usize, sums: usize, seed: u32, means: usize, count: u32, rows: usize, columns: usize,
): void {
  while (count !== 0) {
    const size = nextRuns(places, min(BLOCK, count));
    let place = index, atRow = row, atColumn = column;
    for (let k: u32 = 0; k < runs; k++) {
      writeMeans(means, size, rows, columns, atRow, atColumn);
      addRun(sums, seed, means, size, place, stepIndex, 0);
      place += moveIndex;
      atRow += moveRow;
      atColumn += moveColumn;
    }
    count -= runs * size;
  }
}

/** Writes the means of the next elements. */
function writeBlockMeans(places: usize, means: usize, count: u32, rows: usize, columns: usize): void {
  while (count !== 0) {
    const size = nextRuns(places, count);
    let atRow = row, atColumn = column;
    for (let k: u32 = 0; k < runs; k++) {
      writeMeans(means, size, rows, columns, atRow, atColumn);
      atRow += moveRow;
      atColumn += moveColumn;
      means += <usize>size << 2;
    }
    count -= runs * size;
  }
}

/** Squares of the distances of two values from their means. */
// @ts-ignore: decorator
@inline
function squaresOf(values: v128, means: v128): v128 {
  const distances = f64x2.sub(f64x2.promote_low_f32x4(values), f64x2.promote_low_f32x4(means));
  return f64x2.mul(distances, distances);
}

/** Adds the second and fourth powers of centred values to four doubles each: value i in lane i & 3. */
export function addPowers(
  places: usize, means: usize, values: usize, count: u32, rows: usize, columns: usize, powers: usize,
): void {
  let secondA = v128.load(powers), secondB = v128.load(powers, 16);
  let fourthA = v128.load(powers, 32), fourthB = v128.load(powers, 48);
  for (let from: u32 = 0; from < count; from += BLOCK) {
    const size = min(BLOCK, count - from);
    writeBlockMeans(places, means, size, rows, columns);
    const value = values + (<usize>from << 2);
    for (let i: u32 = 0; i < size; i += 4) {
      const there = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(size - i));
      const v = v128.and(v128.load(value + (<usize>i << 2)), there);
      const m = v128.and(v128.load(means + (<usize>i << 2)), there);
      const squareA = squaresOf(v, m), squareB = squaresOf(upper(v), upper(m));
      secondA = f64x2.add(secondA, squareA);
      secondB = f64x2.add(secondB, squareB);
      fourthA = f64x2.add(fourthA, f64x2.mul(squareA, squareA));
      fourthB = f64x2.add(fourthB, f64x2.mul(squareB, squareB));
    }
  }
  v128.store(powers, secondA);
  v128.store(powers, secondB, 16);
  v128.store(powers, fourthA, 32);
  v128.store(powers, fourthB, 48);
}
