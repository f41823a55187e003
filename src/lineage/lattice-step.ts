import { PatternSet } from './pattern-set.ts';

/** A step of which every value (minus `origin`) is a whole multiple. */
export interface Step {
  readonly step: number;
  readonly origin: number;
  /** ln of the chance that as many random values would fit, all steps tried counted. */
  readonly logChance: number;
}

/** Most levels a lattice may span: 10 bits; wider ones fit anything that is rounded at all. */
const MOST_LEVELS = 1024;
/** More distinct sizes than this are on no lattice of so many levels, however each level was rounded. */
const MOST_OFFSETS = 2 * MOST_LEVELS;
/** Values that the step is looked for in; the rest only has to agree. */
const SAMPLE = 4096;
/** How far from a whole multiple a value may be, in steps, when it is stored exactly. */
const TOLERANCE = 2e-3;
/** Smallest number of fp16. */
const HALF_SUBNORMAL = 2 ** -24;
/** Bits of the infinite f32; what lies above is no number. */
const INFINITE = 0x7f800000;
/** Levels that symmetric (first) and asymmetric quantisers spread a range over. */
const LEVELS = [127, 128, 7, 8, 15, 31, 3, 1, 63, 255] as const;

/** Finds the step of a set of values; undefined when they share none, or hold no two values that differ. */
export function findStep(data: Float32Array, spacing: number, shifted: boolean): Step | undefined {
  const sample = data.length > SAMPLE ? data.subarray(0, SAMPLE) : data;
  if (hasMore(sample, MOST_OFFSETS, shifted)) return undefined;
  const values = distinctSorted(new Float64Array(sample));
  const origin = shifted ? (values[0] ?? 0) : 0;
  const offsets = offsetsFrom(values, origin);
  const largest = offsets.at(-1);
  if (largest === undefined || !Number.isFinite(largest) || offsets.length > MOST_OFFSETS) return undefined;
  if (offsets.length === 1) return { step: largest, origin, logChance: logChanceOfOneSize(sample, spacing) };
  // Of values far from zero the stored type keeps few places, whatever the lattice starts from.
  const least = 4 * spacing * Math.max(largest, Math.abs(values[0] ?? 0), Math.abs(values.at(-1) ?? 0));
  const candidates = stepCandidates(values, offsets, largest, least);
  const likely = candidates.filter((step) => mayFit(offsets, step, spacing));
  for (const step of refineAll(offsets, likely)) {
    const fitted = fitStep(offsets, step, spacing);
    // The guess may have been drawn to a step that is too fine.
    if (!fitted || fitted.step <= least) continue;
    if (isOneLevel(offsets, fitted.step) && largest - (offsets[0] ?? 0) > least) continue;
    // Spacing of fp16's subnormals: an underflow of that type, which nobody quantised.
    if (Math.abs(fitted.step / HALF_SUBNORMAL - 1) < TOLERANCE) return undefined;
    const logChance = fitted.logChance + Math.log(candidates.length) + logChanceOfTies(sample, offsets.length, spacing);
    return { step: fitted.step, origin, logChance };
  }
  return undefined;
}

/** True where all sorted offsets belong to one level. Those that differ by more than the stored type rounds are a constant that was moved a little: gains of norms after the first steps. */
const isOneLevel = (offsets: Float64Array, step: number): boolean =>
  Math.round((offsets[0] ?? 0) / step) === Math.round((offsets.at(-1) ?? 0) / step);

/**
 * True for more than `most` offsets, which settles most tensors: told without sorting from the bits of all values, or of their sizes where the origin is
 * zero. Either zero, and the origin itself, is left out.
 */
function hasMore(data: Float32Array, most: number, shifted: boolean): boolean {
  if (data.length <= most) return false;
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const seen = new PatternSet(data.length);
  for (let i = 0; i < bits.length; i++) {
    const pattern = bits[i] ?? 0;
    const size = pattern & 0x7fffffff;
    if (size <= INFINITE && size !== 0) seen.add(shifted ? pattern : size);
    if (seen.size > most + (shifted ? 1 : 0)) return true;
  }
  return false;
}

/** Values of one size share 1/spacing places, of four sizes four times as many: repeats beyond that are a lattice's. */
function logChanceOfTies(data: Float32Array, distinct: number, spacing: number): number {
  let zeros = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++;
  const ties = Math.max(0, data.length - zeros - 2 * distinct);
  return ties * Math.min(0, Math.log((distinct * spacing) / 2));
}

/** Values of both signs and of one size, besides zeros, have one of two levels; those of one sign may be a constant that nobody quantised. */
function logChanceOfOneSize(data: Float32Array, spacing: number): number {
  const hasBoth = data.some((x) => x > 0) && data.some((x) => x < 0);
  return hasBoth ? logChanceOfTies(data, 1, spacing) : 0;
}

/** Sorts in place and leaves out what stands there before; NaN comes last. */
function distinctSorted(values: Float64Array): Float64Array {
  values.sort();
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const x = values[i] ?? 0;
    const last = values[count - 1] ?? 0;
    if (count === 0 || (x !== last && !Number.isNaN(last))) values[count++] = x;
  }
  return values.subarray(0, count);
}

/** Distinct distances of sorted values from an origin other than 0, sorted: those below and above it, merged. */
function offsetsFrom(values: Float64Array, origin: number): Float64Array {
  const offsets = new Float64Array(values.length);
  let above = values.findIndex((x) => x > origin);
  if (above < 0) above = values.length;
  let below = above - 1;
  let count = 0;
  while (below >= 0 || above < values.length) {
    const down = below >= 0 ? origin - (values[below] ?? 0) : Number.POSITIVE_INFINITY;
    const up = above < values.length ? (values[above] ?? 0) - origin : Number.POSITIVE_INFINITY;
    if (above >= values.length || (below >= 0 && down <= up)) below--;
    else above++;
    const offset = Math.min(down, up);
    if (offset > 0 && offset !== offsets[count - 1]) offsets[count++] = offset;
  }
  return offsets.subarray(0, count);
}

/** Whole parts of the smallest gap, and the ranges that quantisers divide. Finer than a few units of the stored type (`least`) is no lattice of its own. */
function stepCandidates(values: Float64Array, offsets: Float64Array, largest: number, least: number): number[] {
  let gap = offsets[0] ?? largest;
  for (let i = 1; i < values.length; i++) {
    const d = (values[i] ?? 0) - (values[i - 1] ?? 0);
    if (d > 1e-9 * largest && d < gap) gap = d;
  }
  const range = (values.at(-1) ?? 0) - (values[0] ?? 0);
  const parts = [1, 2, 3, 4, 5, 6].map((k) => gap / k);
  const fromRange = [...LEVELS.map((n) => largest / n), ...LEVELS.map((n) => range / n)];
  const possible = [...fromRange, ...parts].filter((step) => step > least && largest / step <= MOST_LEVELS);
  // The coarsest that fits: finer ones then fit too.
  return possible.sort((a, b) => b - a);
}

/** Offsets that are looked at first: most candidates fail on these. */
const FEW = 32;
/** So many tolerances may a multiple be off while the step is known from a few offsets alone: what these are off by moves it. */
const WHILE_FEW = 8;

/** False for a step that the smallest offsets are no multiples of. */
function mayFit(offsets: Float64Array, step: number, spacing: number): boolean {
  const few = offsets.subarray(0, FEW);
  const [refined = step] = refineFour(few, step, step, step, step);
  return few.every((offset) => {
    const n = Math.round(offset / refined);
    return Math.abs(offset / refined - n) <= WHILE_FEW * levelTolerance(n, spacing);
  });
}

/** Candidates that are refined at once: each waits for divisions, and four wait no longer than one. */
const AT_ONCE = 4;

/** The candidates, refined; equal ones once. */
function* refineAll(offsets: Float64Array, candidates: readonly number[]): Iterable<number> {
  const distinct = [...new Set(candidates)];
  for (let from = 0; from < distinct.length; from += AT_ONCE) {
    const some = distinct.slice(from, from + AT_ONCE);
    const [a = 1, b = a, c = a, d = a] = some;
    yield* refineFour(offsets, a, b, c, d).slice(0, some.length);
  }
}

/** Refines steps from the small multiples up: the error of the first guess grows with the multiple. */
function refineFour(offsets: Float64Array, a: number, b: number, c: number, d: number): readonly number[] {
  let [a1, a2, b1, b2, c1, c2, d1, d2] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < offsets.length; i++) {
    const offset = offsets[i] ?? 0;
    const k = Math.max(1, Math.round(offset / a));
    const l = Math.max(1, Math.round(offset / b));
    const m = Math.max(1, Math.round(offset / c));
    const n = Math.max(1, Math.round(offset / d));
    a1 += offset * k;
    b1 += offset * l;
    c1 += offset * m;
    d1 += offset * n;
    a2 += k * k;
    b2 += l * l;
    c2 += m * m;
    d2 += n * n;
    a = a1 / a2;
    b = b1 / b2;
    c = c1 / c2;
    d = d1 / d2;
  }
  return [a, b, c, d];
}

/** The step with its chance, where every offset is a multiple of it. */
function fitStep(offsets: Float64Array, step: number, spacing: number) {
  let logChance = Math.log(2 * TOLERANCE);
  for (let i = 0; i < offsets.length; i++) {
    const offset = offsets[i] ?? 0;
    const n = Math.round(offset / step);
    const tolerance = levelTolerance(n, spacing);
    if (Math.abs(offset / step - n) > tolerance) return undefined;
    logChance += Math.min(0, Math.log(2 * tolerance));
  }
  return { step, logChance: logChance - Math.log(2 * TOLERANCE) - Math.log(2 * levelTolerance(1, spacing)) };
}

/** Rounding of the stored type moves the n-th multiple by n half spacings. */
function levelTolerance(n: number, spacing: number): number {
  return Math.max(TOLERANCE, 0.6 * n * spacing);
}

/** True when every finite value of the tensor is on the lattice that a sample of it gave. */
export function isOnLattice(data: Float32Array, { step, origin }: Step, spacing: number): boolean {
  for (let i = 0; i < data.length; i++) {
    const level = ((data[i] ?? 0) - origin) / step;
    const n = Math.round(level);
    if (Math.abs(n) > 2 * MOST_LEVELS || Math.abs(level - n) > 2 * levelTolerance(Math.abs(n), spacing)) return false;
  }
  return true;
}
