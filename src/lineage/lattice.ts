import type { WeightArray } from '../tensors/weights.ts';
import { findStep, isOnLattice, type Step } from './lattice-step.ts';

/** The values of a tensor are whole multiples of a step: one for the tensor, for each channel or for each block. */
export interface Lattice {
  readonly granularity: 'tensor' | 'channel' | 'block';
  /** The most that rounding moved every element: half the step, or a whole one where a block format clips. */
  readonly halfSteps: Float32Array;
  /** Of lattices of a tensor or of channels: 1 at the highest level, -1 at the lowest, to which what lies beyond may have been clipped. */
  readonly ends?: Int8Array;
  /** Blocks only: the most steps that the values of one block span. */
  readonly levels?: number;
}

/** Consecutive values that block formats scale together (GGML 32 and 16; AWQ, GPTQ and NF4 64 and 128). */
const BLOCKS = [32, 64, 128, 16] as const;
/** Share of the groups with enough values to tell that must lie on a lattice; underflow and ties spoil a few. */
const LEAST_SHARE = 0.98;
/** Half a unit in the last place of fp16, relative. */
const HALF_PRECISION = 2 ** -11;
/** Block formats have 8 bits a value at most. */
const MOST_BLOCK_LEVELS = 255;
/** Half the spacing of fp16's subnormals. */
const HALF_UNDERFLOW = 2 ** -25;
/** Groups that are looked at first. All of them are among the spoilt ones with a chance of .02^6 at most, below LOG_CHANCE's. */
const PROBED_GROUPS = 6;
/** Fewer groups are looked at one by one. */
const LEAST_PROBED = 64;
/** ln of the chance that random values pass; below it a lattice is real (ten thousand tensors tested, one in a million). */
const LOG_CHANCE = Math.log(1e-10);

/** Finds the lattice of one tensor; undefined when its values lie on none. `spacing`: relative spacing of the type it is stored in. */
export function findLattice(tensor: WeightArray, spacing: number): Lattice | undefined {
  const { data, shape } = tensor;
  if (data.length < 16) return undefined;
  return byTensor(data, spacing) ?? byChannel(tensor, spacing) ?? byBlock(data, shape, spacing);
}

function byTensor(data: Float32Array, spacing: number): Lattice | undefined {
  const whole = stepOf(data, spacing, (step) => step.logChance < LOG_CHANCE && isOnLattice(data, step, spacing));
  if (!whole) return undefined;
  const halfSteps = new Float32Array(data.length).fill(whole.step / 2);
  return { granularity: 'tensor', halfSteps, ends: endsOf(data, data.length) };
}

/** Marks the highest and the lowest value of each run of `size`. */
function endsOf(data: Float32Array, size: number): Int8Array {
  const ends = new Int8Array(data.length);
  for (let start = 0; start < data.length; start += size) {
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = start; i < start + size; i++) {
      least = Math.min(least, data[i] ?? 0);
      most = Math.max(most, data[i] ?? 0);
    }
    for (let i = start; i < start + size; i++) ends[i] = data[i] === most ? 1 : data[i] === least ? -1 : 0;
  }
  return ends;
}

function byChannel({ data, shape }: WeightArray, spacing: number): Lattice | undefined {
  if (shape.length < 2) return undefined;
  const rows = shape[0] ?? 1;
  const columns = data.length / rows;
  const halfSteps = groupSteps(data, columns, spacing, false);
  if (halfSteps) return { granularity: 'channel', halfSteps, ends: endsOf(data, columns) };
  if (shape.length !== 2 || rows < 2) return undefined;
  const turned = transpose(data, rows, columns);
  const ofColumns = groupSteps(turned, rows, spacing, false);
  if (!ofColumns) return undefined;
  const ends = turnBack(endsOf(turned, rows), columns, rows);
  return { granularity: 'channel', halfSteps: transpose(ofColumns, columns, rows), ends };
}

function byBlock(data: Float32Array, shape: readonly number[], spacing: number): Lattice | undefined {
  if (shape.length < 2) return undefined;
  for (const size of BLOCKS) {
    if (data.length < size || data.length % size !== 0) continue;
    const halfSteps = groupSteps(data, size, spacing, true);
    if (!halfSteps) continue;
    const levels = mostLevels(data, size, halfSteps);
    widenUnderflown(data, size, halfSteps, (levels + 1) * HALF_UNDERFLOW);
    return { granularity: 'block', halfSteps, levels };
  }
  return undefined;
}

/** The half steps when nearly every run of `size` values has a lattice of its own and all together are beyond chance. */
function groupSteps(data: Float32Array, size: number, spacing: number, isBlock: boolean): Float32Array | undefined {
  const groups = data.length / size;
  if (size < 4 || !Number.isInteger(groups)) return undefined;
  if (!hasAnyStep(data, size, spacing)) return undefined;
  const halfSteps = new Float32Array(data.length);
  const allowed = Math.floor((1 - LEAST_SHARE) * groups);
  let logChance = 0;
  let missed = 0;
  for (let g = 0; g < groups; g++) {
    const values = data.subarray(g * size, (g + 1) * size);
    const found = stepOf(values, spacing);
    if (!found && !isConstant(values) && ++missed > allowed) return undefined;
    logChance += found?.logChance ?? 0;
    halfSteps.fill((found?.step ?? 0) / 2, g * size, (g + 1) * size);
    if (isBlock && found) widenEnds(values, halfSteps.subarray(g * size, (g + 1) * size), found.step);
  }
  return logChance < LOG_CHANCE ? halfSteps : undefined;
}

/** A block whose scale underflowed is constant, and tells nothing. */
function isConstant(values: Float32Array): boolean {
  return values.every((x) => x === values[0]);
}

/** A block of one small value had a scale that underflowed: every level of it became that value. */
function widenUnderflown(data: Float32Array, size: number, halfSteps: Float32Array, reach: number): void {
  for (let start = 0; start < data.length; start += size) {
    const values = data.subarray(start, start + size);
    const x = values[0] ?? 0;
    if (Math.abs(x) > 2 * reach || !Number.isInteger(x / (2 * HALF_UNDERFLOW)) || !isConstant(values)) continue;
    for (let i = start; i < start + size; i++) halfSteps[i] = Math.max(halfSteps[i] ?? 0, reach);
  }
}

function mostLevels(data: Float32Array, size: number, halfSteps: Float32Array): number {
  let most = 0;
  for (let start = 0; start < data.length; start += size) {
    const values = data.subarray(start, start + size);
    // Inner values have half a step, those at the ends of the levels a whole one.
    const half = halfSteps.subarray(start, start + size).reduce((a, b) => Math.min(a, b));
    if (half > 0) most = Math.max(most, Math.round((largest(values, 1) + largest(values, -1)) / (2 * half)));
  }
  return Math.min(most, MOST_BLOCK_LEVELS);
}

function largest(values: Float32Array, sign: number): number {
  return values.reduce((most, x) => Math.max(most, sign * x), Number.NEGATIVE_INFINITY);
}

/**
 * Block formats fit the largest value exactly and clip what lies beyond the last level on the other side (GGML's Q4_0 has levels -8 to 7), by up to
 * a whole step; and they round the scale to half precision.
 */
function widenEnds(values: Float32Array, halfSteps: Float32Array, step: number): void {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const x of values) {
    if (x < least) least = x;
    if (x > most) most = x;
  }
  for (let i = 0; i < values.length; i++) {
    const x = values[i] ?? 0;
    const isAtEnd = x - least < step / 2 || most - x < step / 2;
    const ofScale = Math.max(Math.abs(x) * HALF_PRECISION, (Math.abs(x) / step + 1) * HALF_UNDERFLOW);
    halfSteps[i] = (isAtEnd ? step : step / 2) + ofScale;
  }
}

/** False when none of a few groups, spread over the tensor, has a step or is constant: nearly all would have to. Most tensors end here. */
function hasAnyStep(data: Float32Array, size: number, spacing: number): boolean {
  const groups = data.length / size;
  if (groups < LEAST_PROBED) return true;
  for (let probe = 0; probe < PROBED_GROUPS; probe++) {
    const g = Math.floor(((probe + 0.5) * groups) / PROBED_GROUPS);
    const values = data.subarray(g * size, (g + 1) * size);
    if (isConstant(values) || stepOf(values, spacing) !== undefined) return true;
  }
  return false;
}

/** True for values that a lattice would fit, of which they may be too few to show one. */
export function mayBeOnLattice(data: Float32Array, spacing: number): boolean {
  return isOfOneSize(data) || stepOf(data, spacing) !== undefined;
}

/** All values but zeros have one size: of a lattice nothing shows. */
export function isOfOneSize(data: Float32Array): boolean {
  const size = Math.abs(data.find((x) => x !== 0) ?? 0);
  return size > 0 && data.every((x) => x === 0 || Math.abs(x) === size);
}

/** The coarser of the two steps: an offset that is a fraction of the step makes a finer lattice without one. */
function stepOf(values: Float32Array, spacing: number, isReal: (step: Step) => boolean = () => true): Step | undefined {
  const [plain, shifted] = [false, true].map((mayShift) => {
    const step = findStep(values, spacing, mayShift);
    return step && isReal(step) ? step : undefined;
  });
  return shifted && (!plain || shifted.step > 1.5 * plain.step) ? shifted : plain;
}

function turnBack(ends: Int8Array, rows: number, columns: number): Int8Array {
  return Int8Array.from(transpose(Float32Array.from(ends), rows, columns));
}

function transpose(data: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j] ?? 0;
  return turned;
}
