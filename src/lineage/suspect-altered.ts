import { SKETCH_LENGTH, type Summary } from '../sketch/summary.ts';
import { gramFrom } from './chains.ts';
import type { Distances } from './distances.ts';
import { hullWeights } from './hull.ts';
import type { Member } from './model.ts';
import type { Near } from './nearest.ts';

/** Cosines read off sketches are off by 1 / sqrt(SKETCH_LENGTH); four of that is chance no more. */
const RIGHT_ANGLE = 4 / Math.sqrt(SKETCH_LENGTH);
/** Share of the neighbours that must be seen at a right angle; the rest may be other copies with errors of like origin. */
const MOST = 0.75;
/** Share of zeros beyond that of the densest that is looked into. */
const MORE_ZEROS = 0.01;
/** A mixture leaves none of its distance from the nearest; what rounding of it leaves is far below this share, squared. */
const MIXTURE_REST = 0.01;
/** What the most alike leaves of a checkpoint, as a share of its square, from which on it is looked for what explains the rest: a mixture of unrelated runs by 4 to 1 leaves .06. */
const UNEXPLAINED = 0.04;
/** Of both sides of a mixture so many are taken. */
export const SIDE = 8;
/** So few others that angles and hulls say nothing. */
const TOO_FEW = 4;

/** Share of the matrices' weights that are zero. */
function shareOfZeros({ tensors }: Summary): number {
  let zeros = 0;
  let total = 0;
  for (const { role, shape, statistics } of tensors) {
    if (role !== 'weight' || shape.length < 2) continue;
    zeros += statistics.zeroCount;
    total += shape.reduce((product, size) => product * size, 1);
  }
  return total === 0 ? 0 : zeros / total;
}

/** The checkpoints with more zeros than the densest. */
function withZeros(members: readonly Member[]): readonly number[] {
  const shares = members.map(({ summary }) => shareOfZeros(summary));
  const least = shares.reduce((a, b) => Math.min(a, b), 1);
  return [...shares.keys()].filter((i) => (shares[i] ?? 0) > least + MORE_ZEROS);
}

/**
 * True for a checkpoint that differs from its nearest by something that points nowhere: rounding, noise, a merged adapter. Seen from the nearest one,
 * all others stand at a right angle to it. A checkpoint inside a run never does; the last of a noisy run may.
 */
function standsAside(near: readonly Near[], distances: Distances): boolean {
  const [first, ...others] = near;
  if (first === undefined) return false;
  const own = Math.sqrt(first.squared);
  if (own === 0) return true;
  let upright = 0;
  for (const { index, squared } of others) {
    const base = distances.squared(first.index, index);
    const cosine = (first.squared + base - squared) / (2 * own * Math.sqrt(base));
    // The other way round, the nearest being the one that was altered, the angle is as small as the two are close.
    if (base === 0 || Math.abs(cosine) < RIGHT_ANGLE + own / Math.sqrt(base)) upright++;
  }
  return upright >= MOST * others.length;
}

/**
 * True for a checkpoint that the ones next to it make up without rest.
 *
 * @param near - others, with their squared distances.
 */
function isMixed(self: number, near: readonly Near[], distances: Distances): boolean {
  const gram = gramFrom(self, near, distances);
  const weights = hullWeights(gram, near.length);
  let rest = 0;
  weights.forEach((w, i) => {
    weights.forEach((v, j) => {
      rest += w * v * (gram[i * weights.length + j] ?? 0);
    });
  });
  const nearest = near.reduce((least, { squared }) => Math.min(least, squared), Number.POSITIVE_INFINITY);
  return near.length > 0 && rest < MIXTURE_REST * nearest;
}

/**
 * What a checkpoint may be a mixture of, where the other side is far: the most alike, and those that are most alike to what the first of them leaves.
 * Of unrelated runs the early checkpoints, which are short, are nearer their mean than its parents are.
 */
function bothSides(self: number, alike: readonly Near[], distances: Distances, squares: readonly number[]) {
  const [first] = alike;
  const square = squares[self] ?? 0;
  if (first === undefined || square === 0) return [];
  const [own, its] = [distances.row(self), distances.row(first.index)];
  const product = (row: Float64Array, of: number, i: number) => (of + (squares[i] ?? 0) - (row[i] ?? 0)) / 2;
  const side = squares[first.index] ?? 0;
  const share = product(own, square, first.index) / side;
  if (1 - (share * share * side) / square < UNEXPLAINED) return [];
  const rest = (i: number) => (product(own, square, i) - share * product(its, side, i)) / Math.sqrt(squares[i] ?? 1);
  const known = new Set([self, ...alike.map(({ index }) => index)]);
  const others = [...squares.keys()].filter((i) => !known.has(i) && (squares[i] ?? 0) > 0 && rest(i) > 0);
  const far = others.sort((a, b) => rest(b) - rest(a) || a - b).slice(0, SIDE);
  return [...alike.map(({ index }) => index), ...far].map((index) => ({ index, squared: own[index] ?? 0 }));
}

/** Who may be altered, and among whom the originals would be. */
export interface Suspicion {
  /** Places in the list, ascending. */
  readonly suspects: readonly number[];
  /** The places that a checkpoint was looked at beside, itself left out. */
  around(place: number): readonly number[];
}

/**
 * Names the checkpoints of a component that may be altered copies or mixtures of others in it, by their summaries alone. It is no more than a reason to
 * look: the weights decide.
 *
 * @param near the nearest of each by `centred`, nearest first.
 * @param alike the `SIDE` most alike of each in direction, most alike first.
 */
export function suspectAltered(
  members: readonly Member[],
  near: readonly (readonly Near[])[],
  alike: readonly (readonly Near[])[],
  distances: Distances,
): Suspicion {
  const squares = members.map(({ summary }) => summary.centred.reduce((sum, x) => sum + x * x, 0));
  const sidesOf = (self: number) => bothSides(self, alike[self] ?? [], distances, squares);
  const around = (self: number) => [
    ...new Set([near[self], alike[self], sidesOf(self)].flatMap((list = []) => list.map(({ index }) => index))),
  ];
  if (members.length <= TOO_FEW) return { suspects: [...members.keys()], around };
  const found = new Set(withZeros(members));
  near.forEach((own, self) => {
    if (found.has(self)) return;
    if (standsAside(own, distances) || isMixed(self, own, distances) || isMixed(self, sidesOf(self), distances))
      found.add(self);
  });
  return { suspects: [...found].sort((a, b) => a - b), around };
}
