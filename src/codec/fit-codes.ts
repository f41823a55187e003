import { deriveFactors, type ScaledCodes, type Slices } from './scaled-codes.ts';

/** Calls with the slice of every number. */
function eachNumber({ run, count, offset }: Slices, numbers: number, use: (i: number, slice: number) => void): void {
  let slice = Math.floor(offset / run) % count;
  let left = run - (offset % run);
  for (let i = 0; i < numbers; i++) {
    use(i, slice);
    if (--left > 0) continue;
    left = run;
    if (++slice === count) slice = 0;
  }
}

interface Line {
  readonly factor: number;
  readonly zero: number;
}

/** Least squares, slice by slice; a slice that is constant has the factor 0. Codes at the ends of the range hold what was clipped too. */
function fitLines(codes: Int16Array, values: Float32Array, slices: Slices, isSigned: boolean): readonly Line[] {
  // Five sums a slice: of 1, x, x * x, q and x * q.
  const sums = new Float64Array(5 * slices.count);
  eachNumber(slices, values.length, (i, s) => {
    const [x, q] = [values[i] ?? 0, codes[i] ?? 0];
    if (isClipped(q, isSigned) || x - x !== 0) return;
    [1, x, x * x, q, x * q].forEach((term, k) => {
      sums[5 * s + k] = (sums[5 * s + k] ?? 0) + term;
    });
  });
  return Array.from({ length: slices.count }, (_, s) => solveLine(sums.subarray(5 * s, 5 * s + 5)));
}

function solveLine([count = 0, x = 0, xx = 0, q = 0, xq = 0]: Float64Array): Line {
  const n = Math.max(1, count);
  const variance = xx / n - (x / n) ** 2;
  const factor = variance > 0 ? (xq / n - (x / n) * (q / n)) / variance : 0;
  return { factor, zero: Math.round((q - factor * x) / n) };
}

/** True for codes that what lies outside the range gets too. */
function isClipped(code: number, isSigned: boolean): boolean {
  return isSigned ? code <= -127 || code === 127 : code === 0 || code === 255;
}

/** The factors that give the codes: each pair bounds its slice's between (code - 1/2) / x and (code + 1/2) / x. */
function narrowFactors(
  codes: Int16Array,
  values: Float32Array,
  slices: Slices,
  lines: readonly Line[],
  isSigned: boolean,
) {
  const low = Float64Array.from(lines, ({ factor }) => factor * 0.98);
  const high = Float64Array.from(lines, ({ factor }) => factor * 1.02);
  const zeros = Int16Array.from(lines, ({ zero }) => zero);
  eachNumber(slices, values.length, (i, s) => {
    const [x, code] = [values[i] ?? 0, codes[i] ?? 0];
    const q = code - (zeros[s] ?? 0);
    if (isClipped(code, isSigned) || q === 0 || x - x !== 0) return;
    const [a, b] = [(q - 0.5) / x, (q + 0.5) / x];
    const [from, to] = a < b ? [a, b] : [b, a];
    if (from > (high[s] ?? 0) || to < (low[s] ?? 0)) return;
    if (from > (low[s] ?? 0)) low[s] = from;
    if (to < (high[s] ?? 0)) high[s] = to;
  });
  return { low, high, zeros };
}

/**
 * Finds by which factors and zeros floats became codes of 8 bits, given which of them share a factor.
 *
 * @param codes as signed or unsigned numbers.
 * @returns `undefined` when codes do not grow with the numbers, or a zero is out of range.
 */
export function fitCodes(
  codes: Int16Array,
  values: Float32Array,
  slices: Slices,
  isSigned: boolean,
): ScaledCodes | undefined {
  const lines = fitLines(codes, values, slices, isSigned);
  const [lowest, highest] = isSigned ? [-128, 127] : [0, 255];
  if (lines.every(({ factor }) => !(factor > 0))) return undefined;
  const bounded = lines.map(({ factor, zero }) => ({ factor, zero: Math.min(highest, Math.max(lowest, zero)) }));
  const { low, high, zeros } = narrowFactors(codes, values, slices, bounded, isSigned);
  const derived = deriveFactors(values, slices);
  const exceptions = new Map<number, number>();
  const all = Float32Array.from(low, (from, s) => {
    const guess = derived[s] ?? 0;
    if (guess >= from && guess <= (high[s] ?? 0)) return guess;
    const middle = Math.fround((from + (high[s] ?? 0)) / 2);
    exceptions.set(s, middle);
    return middle;
  });
  return {
    ...slices,
    // An exception takes its slice's number besides.
    factors: exceptions.size * 2 > all.length ? all : exceptions,
    ...(zeros.some((zero) => zero !== 0) ? { zeros: Uint8Array.from(zeros, (zero) => zero & 255) } : {}),
  };
}
