/** Width of the differences that a slope is read from. */
const WIDTH = 1e-4;
/** No parameter goes further than this in one round. */
const LONGEST_STEP = 1.5;
const SHORTENINGS = 6;

/** Where a function is highest, as far as was looked. */
export interface Summit {
  readonly at: Float64Array;
  readonly value: number;
}

function slopesAt(f: (at: Float64Array) => number, { at, value }: Summit): Float64Array {
  const probe = Float64Array.from(at);
  return at.map((x, i) => {
    probe[i] = x + WIDTH;
    const slope = (f(probe) - value) / WIDTH;
    probe[i] = x;
    return Number.isFinite(slope) ? slope : 0;
  });
}

function multiply(matrix: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  return vector.map((_, i) => vector.reduce((sum, v, j) => sum + (matrix[i * size + j] ?? 0) * v, 0));
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

/** The update of Broyden, Fletcher, Goldfarb and Shanno (1970) to the inverse of the negative curvature. */
function learnCurvature(inverse: Float64Array, step: Float64Array, fall: Float64Array): void {
  const along = dot(step, fall);
  if (!(along > 1e-10)) return;
  const size = step.length;
  const bent = multiply(inverse, fall);
  const scale = (1 + dot(fall, bent) / along) / along;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const [si, sj, bi, bj] = [step[i] ?? 0, step[j] ?? 0, bent[i] ?? 0, bent[j] ?? 0];
      inverse[i * size + j] = (inverse[i * size + j] ?? 0) + scale * si * sj - (si * bj + bi * sj) / along;
    }
  }
}

/** Goes along a direction, a third as far each time until it is higher. */
function climb(f: (at: Float64Array) => number, from: Summit, direction: Float64Array): Summit | undefined {
  const longest = direction.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  let share = Math.min(1, LONGEST_STEP / Math.max(longest, 1e-12));
  for (let shortening = 0; shortening < SHORTENINGS; shortening++) {
    const at = from.at.map((x, i) => x + share * (direction[i] ?? 0));
    const value = f(at);
    if (value > from.value) return { at, value };
    share /= 3;
  }
  return undefined;
}

/** Climbs a smooth function from a place (quasi-Newton, slopes by differences), for some rounds or until it gains less than `least` in one. */
export function maximise(f: (at: Float64Array) => number, start: Float64Array, rounds: number, least: number): Summit {
  const size = start.length;
  const fresh = (slopes: Float64Array) => {
    const inverse = new Float64Array(size * size);
    const steepest = Math.sqrt(dot(slopes, slopes));
    for (let i = 0; i < size; i++) inverse[i * size + i] = steepest > 0 ? 1 / steepest : 1;
    return inverse;
  };
  let best: Summit = { at: start, value: f(start) };
  let slopes = slopesAt(f, best);
  let inverse = fresh(slopes);
  for (let round = 0; round < rounds; round++) {
    const next = climb(f, best, multiply(inverse, slopes));
    if (next === undefined) break;
    const after = slopesAt(f, next);
    const step = next.at.map((x, i) => x - (best.at[i] ?? 0));
    learnCurvature(
      inverse,
      step,
      slopes.map((slope, i) => slope - (after[i] ?? 0)),
    );
    const gain = next.value - best.value;
    best = next;
    slopes = after;
    if (gain < least) {
      if (round === 0) inverse = fresh(slopes);
      else break;
    }
  }
  return best;
}
