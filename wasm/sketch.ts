// Hot loops of src/sketch as WebAssembly, in AssemblyScript: what count-sketch.ts, element-places.ts and unit-means.ts do element by element,
// with the same additions in the same order, so that sketches are the same to the last bit. src/sketch/sketch-kernels.ts lays out the memory.

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

/** Fills in index, row and column of the next `count` elements (three arrays of BLOCK words). */
function fill(places: usize, arrays: usize, count: u32): void {
  const runSize = load<u32>(places, RUN_SIZE);
  const stepIndex = load<u32>(places, 4);
  const stepRow = load<u32>(places, 8);
  const stepColumn = load<u32>(places, 12);
  for (let from: u32 = 0; from < count; ) {
    const done = load<u32>(places, DONE);
    const end = min(count, from + runSize - done);
    let index = load<u32>(places, START) + done * stepIndex;
    let row = load<u32>(places, START + 4) + done * stepRow;
    let column = load<u32>(places, START + 8) + done * stepColumn;
    for (let i = from; i < end; i++) {
      const at = arrays + (<usize>i << 2);
      store<u32>(at, index);
      store<u32>(at, row, BLOCK * 4);
      store<u32>(at, column, BLOCK * 8);
      index += stepIndex;
      row += stepRow;
      column += stepColumn;
    }
    store<u32>(places, done + end - from, DONE);
    if (done + end - from === runSize) nextRun(places);
    from = end;
  }
}

// @ts-ignore: decorator
@inline
function addValues(sums: usize, seed: u32, values: usize, count: u32, indexes: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    let hash = load<u32>(indexes + (<usize>i << 2)) ^ seed;
    hash = (hash ^ (hash >>> 16)) * 0x85ebca6b;
    hash = ((hash ^ (hash >>> 13)) * 0xc2b2ae35) >>> BUCKET_SHIFT;
    const at = sums + (<usize>hash << 3);
    store<f64>(at, load<f64>(at) + <f64>load<f32>(values + (<usize>i << 2)));
  }
}

// @ts-ignore: decorator
@inline
function addToCells(table: usize, values: usize, count: u32, cells: usize): void {
  let cell = load<u32>(cells);
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const next = load<u32>(cells + (<usize>i << 2));
    if (next !== cell) {
      const at = table + (<usize>cell << 3);
      store<f64>(at, load<f64>(at) + sum);
      cell = next;
      sum = 0;
    }
    sum += <f64>load<f32>(values + (<usize>i << 2));
  }
  const at = table + (<usize>cell << 3);
  store<f64>(at, load<f64>(at) + sum);
}

/** Adds values to the sums, and to the tables of rows and columns where these are (0: not). */
export function addElements(
  places: usize, arrays: usize, sums: usize, seed: u32, values: usize, count: u32, rows: usize, columns: usize,
): void {
  for (let from: u32 = 0; from < count; from += BLOCK) {
    const size = min(BLOCK, count - from);
    const at = values + (<usize>from << 2);
    fill(places, arrays, size);
    addValues(sums, seed, at, size, arrays);
    if (rows !== 0) addToCells(rows, at, size, arrays + BLOCK * 4);
    if (columns !== 0) addToCells(columns, at, size, arrays + BLOCK * 8);
  }
}

/** Writes what centring subtracts from the elements of a block; a table that is not there gives 0. */
function writeMeans(arrays: usize, means: usize, count: u32, rows: usize, columns: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const at = arrays + (<usize>i << 2);
    const row = rows === 0 ? 0 : load<f64>(rows + (<usize>load<u32>(at, BLOCK * 4) << 3));
    const column = columns === 0 ? 0 : load<f64>(columns + (<usize>load<u32>(at, BLOCK * 8) << 3));
    store<f32>(means + (<usize>i << 2), <f32>(row + column));
  }
}

/** Adds the means of `count` elements to sums. */
export function addMeans(
  places: usize, arrays: usize, sums: usize, seed: u32, means: usize, count: u32, rows: usize, columns: usize,
): void {
  for (let from: u32 = 0; from < count; from += BLOCK) {
    const size = min(BLOCK, count - from);
    fill(places, arrays, size);
    writeMeans(arrays, means, size, rows, columns);
    addValues(sums, seed, means, size, arrays);
  }
}

/** Adds the second and fourth powers of centred values to two doubles. */
export function addPowers(
  places: usize, arrays: usize, means: usize, values: usize, count: u32, rows: usize, columns: usize, powers: usize,
): void {
  let second = load<f64>(powers);
  let fourth = load<f64>(powers, 8);
  for (let from: u32 = 0; from < count; from += BLOCK) {
    const size = min(BLOCK, count - from);
    fill(places, arrays, size);
    writeMeans(arrays, means, size, rows, columns);
    for (let i: u32 = 0; i < size; i++) {
      const distance = <f64>load<f32>(values + (<usize>(from + i) << 2)) - <f64>load<f32>(means + (<usize>i << 2));
      const square = distance * distance;
      second += square;
      fourth += square * square;
    }
  }
  store<f64>(powers, second);
  store<f64>(powers, fourth, 8);
}
