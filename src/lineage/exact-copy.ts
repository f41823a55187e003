import type { Weights } from '../tensors/weights.ts';
import {
  type Agreement,
  agrees,
  COMPUTED_AGAIN,
  countAgreement,
  isExact,
  type Rounding,
  toleranceOf,
} from './tolerance.ts';

/** Tensors smaller than this count together, not each. */
const LEAST_ALONE = 16;
/** Places by which a tensor is shifted against itself to learn how often its values agree by chance. */
const SHIFTS = [0.377, 0.529, 0.733] as const;

/** Rounding twice, to two types, leaves less than this times what it leaves once. */
const FAR = 1.75;
/** The smaller float types end here or before. */
const LARGEST_HALF = 440;

type Masks = ReadonlyMap<string, Uint8Array>;

/**
 * Tests whether the query is the candidate up to rounding: 98 % of the values of every tensor, the small ones taken together. Codes may clip what is
 * far out; where nothing but the type was rounded no value may be far off, nor lost to infinity: one that is was changed.
 */
export function isExactCopy(
  query: Weights,
  candidate: Weights,
  names: readonly string[],
  roundings: ReadonlyMap<string, Rounding>,
  masks: Masks,
): boolean {
  const small = { agreed: 0, compared: 0 };
  let seen = 0;
  for (const name of names) {
    const agreement = agreementOf(query, candidate, name, roundings, masks);
    if (!agreement) continue;
    if (agreement.compared >= LEAST_ALONE && !isExact(agreement)) return false;
    if (agreement.changed() > 0) return false;
    seen++;
    if (agreement.compared >= LEAST_ALONE) continue;
    small.agreed += agreement.agreed;
    small.compared += agreement.compared;
  }
  return seen > 0 && isExact(small);
}

/** The tensors of which fewer than 98 % of the values agree. */
export function changedTensors(
  query: Weights,
  candidate: Weights,
  names: readonly string[],
  roundings: ReadonlyMap<string, Rounding>,
  masks: Masks,
): readonly string[] {
  return names.filter((name) => {
    const [a, b, rounding] = [query.get(name)?.data, candidate.get(name)?.data, roundings.get(name)];
    if (!a || !b || a.length !== b.length || !rounding) return false;
    const mask = masks.get(name);
    return !agrees(a, b, rounding, mask) || countChanged(a, b, rounding, mask) > 0;
  });
}

function agreementOf(
  query: Weights,
  candidate: Weights,
  name: string,
  roundings: ReadonlyMap<string, Rounding>,
  masks: Masks,
): (Agreement & { changed(): number }) | undefined {
  const a = query.get(name)?.data;
  const b = candidate.get(name)?.data;
  const rounding = roundings.get(name);
  if (!a || !b || a.length !== b.length || !rounding) return undefined;
  const mask = masks.get(name);
  return { ...countAgreement(a, b, rounding, mask), changed: () => countChanged(a, b, rounding, mask) };
}

/** Values that no rounding explains: finite ones that became infinite or no number, and, where there are no codes, those far from the original. */
function countChanged(query: Float32Array, candidate: Float32Array, rounding: Rounding, mask?: Uint8Array): number {
  const isPlain = rounding.halfSteps === undefined && rounding.assumed === 0 && rounding.computed <= COMPUTED_AGAIN;
  const tolerance = toleranceOf(rounding, candidate);
  let changed = 0;
  for (let i = 0; i < query.length; i++) {
    const [q, c] = [query[i] ?? 0, candidate[i] ?? 0];
    if (!Number.isFinite(q)) {
      const mayOverflow = rounding.grid !== undefined && Math.abs(c) > LARGEST_HALF;
      if (Number.isFinite(c) && !mayOverflow) changed++;
    } else if (isPlain && mask?.[i] !== 0 && Math.abs(q - c) > FAR * tolerance(c, i)) changed++;
  }
  return changed;
}

/**
 * ln of the chance that a stranger agrees as well as the candidate does: the rate of agreement by chance is learned from each matrix
 * shifted against itself, the tail is Chernoff's bound. For checkpoints whose kinship no axis graph can test.
 */
export function logChanceOfCopy(
  query: Weights,
  candidate: Weights,
  names: readonly string[],
  roundings: ReadonlyMap<string, Rounding>,
  masks: Masks,
): number {
  let total = 0;
  for (const name of names) {
    const a = query.get(name);
    const b = candidate.get(name)?.data;
    const rounding = roundings.get(name);
    if (!a || !b || !rounding || a.shape.length < 2 || a.data.length !== b.length) continue;
    const mask = masks.get(name);
    const { agreed, compared } = countAgreement(a.data, b, rounding, mask);
    const shifted = SHIFTS.map((s) => countAgreement(a.data, b, rounding, mask, Math.max(1, Math.floor(s * b.length))));
    const hits = shifted.reduce((sum, x) => sum + x.agreed, 0);
    const chance = (hits + 1) / (shifted.reduce((sum, x) => sum + x.compared, 0) + 2);
    total += Math.min(0, -compared * divergence(agreed / Math.max(compared, 1), chance));
  }
  return total;
}

/** Kullback-Leibler divergence of two coins; 0 when the first lands less often than the second. */
function divergence(p: number, q: number): number {
  if (p <= q) return 0;
  const rest = p < 1 ? (1 - p) * Math.log((1 - p) / (1 - q)) : 0;
  return p * Math.log(p / q) + rest;
}
