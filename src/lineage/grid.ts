/** A float type coarser than f32 whose values a tensor holds only. */
export type Grid = 'bf16' | 'fp16' | 'fp8-e4m3' | 'fp8-e5m2';

interface GridRule {
  /** Bits of the f32 pattern that are always zero. */
  readonly lowBits: number;
  /** Half a unit in the last place, relative to the value. */
  readonly relative: number;
  /** Half the spacing of the subnormals. */
  readonly absolute: number;
  /** Largest finite value: beyond it the type cannot have made the tensor. */
  readonly limit: number;
}

const RULES = {
  'fp8-e5m2': { lowBits: 21, relative: 2 ** -3, absolute: 2 ** -17, limit: 57344 },
  'fp8-e4m3': { lowBits: 20, relative: 2 ** -4, absolute: 2 ** -10, limit: 448 },
  bf16: { lowBits: 16, relative: 2 ** -8, absolute: 0, limit: Number.MAX_VALUE },
  fp16: { lowBits: 13, relative: 2 ** -11, absolute: 2 ** -25, limit: 65504 },
} as const satisfies Record<Grid, GridRule>;

/** As many small values as make chance rarer than one in ten thousand million. */
const LEAST_UNDERFLOWN = 33;

/** A tensor with fewer distinct values says nothing: constants lie on every grid. */
const LEAST_DISTINCT = 8;

/** Finds the coarsest grid on which every value lies; undefined for plain f32 values and for tensors with too few distinct values to tell. */
export function findGrid(data: Float32Array): Grid | undefined {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  let used = 0;
  let largest = 0;
  for (let i = 0; i < bits.length; i++) {
    used |= bits[i] ?? 0;
    const x = Math.abs(data[i] ?? 0);
    if (x > largest) largest = x;
  }
  const free = used === 0 ? 32 : 31 - Math.clz32(used & -used);
  if (free < RULES.fp16.lowBits || !hasDistinct(bits, LEAST_DISTINCT)) return undefined;
  if (isHalfUnderflow(data)) return 'fp16';
  return (['fp8-e5m2', 'fp8-e4m3', 'bf16', 'fp16'] as const).find(
    (grid) =>
      free >= RULES[grid].lowBits && largest <= RULES[grid].limit && (grid === 'bf16' || aboveUnderflow(data, grid)),
  );
}

/**
 * Numbers so small that bf16 would keep them finer than fp16 does, and all are whole multiples of fp16's smallest: one of them is by chance at most
 * every second time. (Few are the subnormals of fp16, so they fit coarser grids too.)
 */
function isHalfUnderflow(data: Float32Array): boolean {
  let telling = 0;
  for (const x of data) {
    if (!Number.isInteger(x * 2 ** 24)) return false;
    if (x !== 0 && Math.abs(x) < 2 ** -18) telling++;
  }
  return telling >= LEAST_UNDERFLOWN;
}

function hasDistinct(bits: Uint32Array, least: number): boolean {
  const seen = new Set<number>();
  for (const pattern of bits) {
    seen.add(pattern);
    if (seen.size >= least) return true;
  }
  return false;
}

/** Every value that is not zero is a whole number of the grid's smallest steps. */
function aboveUnderflow(data: Float32Array, grid: Grid): boolean {
  const step = 2 * RULES[grid].absolute;
  return data.every((x) => !Number.isFinite(x) || Number.isInteger(x / step));
}

/** Relative spacing of a grid's values (one unit in the last place); f32's when there is none. */
export function gridSpacing(grid: Grid | undefined): number {
  return grid === undefined ? 2 ** -23 : 2 * RULES[grid].relative;
}

/** True when every value is one of the grid's, also where they are too few to show it. */
export function isOnGrid(grid: Grid, data: Float32Array): boolean {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const low = 2 ** RULES[grid].lowBits - 1;
  return bits.every((x, i) => (x & low) === 0 && Math.abs(data[i] ?? 0) <= RULES[grid].limit);
}

/** The most that rounding to the grid moves a value. */
export function gridTolerance(grid: Grid, value: number): number {
  return Math.abs(value) * RULES[grid].relative + RULES[grid].absolute;
}

const ONE = new Float32Array(1);
const BITS = new Uint32Array(ONE.buffer);
const EXPONENT = 0x7f800000;

/** The power of two at or below the size of a value of f32. */
function powerBelow(value: number): number {
  ONE[0] = value;
  const exponent = (BITS[0] ?? 0) & EXPONENT;
  if (exponent === 0 || exponent === EXPONENT) return 2 ** Math.floor(Math.log2(Math.abs(value)));
  BITS[0] = exponent;
  return ONE[0];
}

/** Half the spacing of the grid's values at a value of f32. */
export function halfUnit(grid: Grid, value: number): number {
  const { relative, absolute } = RULES[grid];
  return value === 0 ? absolute : Math.max(powerBelow(value) * relative, absolute);
}
