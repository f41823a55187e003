/** Keeps the Gram matrix positive definite where points lie on each other; far below what a weight is read at. */
const RIDGE = 1e-10;

/** The passive set of an active-set solver: the variables that may be positive, in the order they entered. */
interface Passive {
  readonly members: number[];
  readonly isPassive: Uint8Array;
}

/** Solves A z = 1 on the passive variables by Cholesky; `a` is `count` x `count`, row-major. */
function solvePassive(a: Float64Array, count: number, members: readonly number[]): Float64Array {
  const size = members.length;
  const lower = new Float64Array(size * size);
  const solution = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const row = (members[i] ?? 0) * count;
    let rest = 1;
    for (let j = 0; j <= i; j++) {
      let sum = a[row + (members[j] ?? 0)] ?? 0;
      for (let k = 0; k < j; k++) sum -= (lower[i * size + k] ?? 0) * (lower[j * size + k] ?? 0);
      lower[i * size + j] = i === j ? Math.sqrt(Math.max(sum, RIDGE)) : sum / (lower[j * size + j] ?? 1);
      if (j < i) rest -= (lower[i * size + j] ?? 0) * (solution[j] ?? 0);
    }
    solution[i] = rest / (lower[i * size + i] ?? 1);
  }
  for (let i = size - 1; i >= 0; i--) {
    let rest = solution[i] ?? 0;
    for (let k = i + 1; k < size; k++) rest -= (lower[k * size + i] ?? 0) * (solution[k] ?? 0);
    solution[i] = rest / (lower[i * size + i] ?? 1);
  }
  return solution;
}

/** The variable outside the passive set whose increase lowers the objective most, or -1. */
function steepest(a: Float64Array, x: Float64Array, passive: Passive, tolerance: number): number {
  const count = x.length;
  let best = -1;
  let most = tolerance;
  for (let i = 0; i < count; i++) {
    if (passive.isPassive[i] === 1) continue;
    let gradient = 1;
    for (const j of passive.members) gradient -= (a[i * count + j] ?? 0) * (x[j] ?? 0);
    if (gradient > most) {
      most = gradient;
      best = i;
    }
  }
  return best;
}

/** Moves from x towards z until the first passive variable reaches zero, and drops those that did. */
function stepToBoundary(x: Float64Array, z: Float64Array, passive: Passive): void {
  let share = 1;
  passive.members.forEach((variable, i) => {
    const to = z[i] ?? 0;
    const from = x[variable] ?? 0;
    if (to <= 0) share = Math.min(share, from / (from - to));
  });
  passive.members.forEach((variable, i) => {
    const from = x[variable] ?? 0;
    x[variable] = from + share * ((z[i] ?? 0) - from);
  });
  for (let i = passive.members.length - 1; i >= 0; i--) {
    const variable = passive.members[i] ?? 0;
    if ((z[i] ?? 0) > 0 || (x[variable] ?? 0) > 1e-14) continue;
    x[variable] = 0;
    passive.isPassive[variable] = 0;
    passive.members.splice(i, 1);
  }
}

/** Minimises x'Ax - 2 sum x over x >= 0 (the method of Lawson and Hanson, 1974, on the normal equations). */
function solveNonNegative(a: Float64Array, count: number): Float64Array {
  const x = new Float64Array(count);
  const passive: Passive = { members: [], isPassive: new Uint8Array(count) };
  for (let round = 0; round < 4 * count; round++) {
    const entering = steepest(a, x, passive, 1e-12);
    if (entering < 0) break;
    passive.members.push(entering);
    passive.isPassive[entering] = 1;
    for (;;) {
      const z = solvePassive(a, count, passive.members);
      if (z.every((value) => value > 0)) {
        passive.members.forEach((variable, i) => {
          x[variable] = z[i] ?? 0;
        });
        break;
      }
      stepToBoundary(x, z, passive);
      if (passive.members.length === 0) break;
    }
  }
  return x;
}

/**
 * Finds the weights (not negative, sum 1) of the point of a convex hull that is nearest to the origin.
 *
 * A checkpoint written as the nearest point of the hull of its neighbours gives weight to those that share its noise, the
 * ones before and after it on its trajectory, and almost none to siblings that only drift alike (lineage.md, B).
 * min w'Gw + (1'w - 1)^2 over w >= 0 has the same solution up to scale, and is a non-negative least squares problem.
 *
 * @param gram `count` x `count`, row-major: inner products of the hull's points, the origin being the checkpoint.
 */
export function hullWeights(gram: Float64Array, count: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < count; i++) trace += gram[i * count + i] ?? 0;
  if (!(trace > 0)) return new Float64Array(count).fill(1 / count);
  const a = gram.map((value) => (value * count) / trace + 1);
  for (let i = 0; i < count; i++) a[i * count + i] = (a[i * count + i] ?? 0) + RIDGE;
  const weights = solveNonNegative(a, count);
  const sum = weights.reduce((total, value) => total + value, 0);
  return sum > 0 ? weights.map((value) => value / sum) : weights.fill(1 / count);
}
