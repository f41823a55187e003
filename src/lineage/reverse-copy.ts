import type { ManifestId } from '../objects/ids.ts';
import type { Weights } from '../tensors/weights.ts';
import { readAlterations, type TensorFacts } from './alterations.ts';
import type { Case, Ground } from './case.ts';
import { compareOn } from './comparison.ts';
import { isExactCopy } from './exact-copy.ts';
import { halfUnit } from './grid.ts';
import type { RelationWord } from './relation.ts';
import { type Rounding, roundingResidual, roundings } from './tolerance.ts';
import { valueWords } from './value-words.ts';

type Facts = ReadonlyMap<string, TensorFacts>;

/** A stored checkpoint that was rounded from the query, or from what the query was rounded from. */
export interface ReverseCopy {
  readonly id: ManifestId;
  readonly words: readonly RelationWord[];
  readonly direction: 'backward' | 'siblings';
}

/** Candidates that are asked, best first: the original of a rounded file lies nearer to it than to any other. */
const ASKED = 6;

/** Looks for a stored checkpoint that is a cast, a quantisation or a pruned copy of the query, or of one original with it. */
export async function findReverseCopy(subject: Case, ground: Ground): Promise<ReverseCopy | undefined> {
  const query = pick(subject.frame.sample, ground.names);
  const own = new Map([...subject.facts].filter(([name]) => query.has(name)));
  for (const { id } of ground.ranked.slice(0, ASKED)) {
    const stored = pick(await subject.weightsOf(id), ground.names);
    const facts = readAlterations(stored);
    const shown = valueWords(stored, query, facts, own);
    const words = shown.length === 0 && isComputed(facts) ? CAST : shown;
    if (words.length > 0 && isRoundedFrom(stored, query, facts, words.includes('pruned'))) {
      const isOfThird = !words.includes('pruned') && isRoundedElsewhere(stored, query, facts, own);
      return { id, words, direction: isOfThird ? 'siblings' : 'backward' };
    }
    if (areSiblings(query, stored, own, facts))
      return { id, words: wordsOfSiblings(own, facts), direction: 'siblings' };
  }
  return undefined;
}

const CAST: readonly RelationWord[] = ['cast'];

/** Computed from values of a coarser type. */
function isComputed(facts: Facts): boolean {
  return [...facts.values()].some(({ carried }) => carried !== undefined);
}

/** Values that must be expected to lie astray before their number decides: fewer than half of so many come once in forty times. */
const LEAST_ASTRAY = 12;

/**
 * True when a copy was rounded from what its seeming original was rounded from too. Rounded from the original itself no value is further from it than half
 * a step h of the copy; rounded from a third, of which the original lies up to g away, a value is further with the chance g / 4h (both errors uniform).
 */
export function isRoundedElsewhere(copy: Weights, original: Weights, facts: Facts, originalFacts: Facts): boolean {
  const [own, other] = [spacings(facts, copy), spacings(originalFacts, original)];
  let expected = 0;
  let found = 0;
  for (const [name, { data }] of copy) {
    const [h, g, values] = [own?.get(name), other?.get(name), original.get(name)?.data];
    if (!h || !g || !values || values.length !== data.length) continue;
    for (let i = 0; i < data.length; i++) {
      const half = h[i] ?? 0;
      const reach = g[i] ?? 0;
      if (half <= reach) continue;
      const off = Math.abs((data[i] ?? 0) - (values[i] ?? 0));
      expected += reach / (4 * half);
      if (off > half * 1.001 && off <= (half + reach) * 1.001) found++;
    }
  }
  return expected >= LEAST_ASTRAY && found > expected / 2;
}

/**
 * True when two copies on lattices of one step differ by a level here and there, and by nothing else: both were rounded, one of them by way of a finer
 * rounding or with another scale.
 */
export function areLevelsMoved(query: Weights, stored: Weights, own: Facts, facts: Facts): boolean {
  let moved = 0;
  for (const [name, { data }] of query) {
    const [half, other] = [own.get(name)?.lattice?.halfSteps, stored.get(name)?.data];
    if (!half || !facts.get(name)?.lattice || other?.length !== data.length) continue;
    for (let i = 0; i < data.length; i++) {
      const [step, off] = [2 * (half[i] ?? 0), Math.abs((data[i] ?? 0) - (other[i] ?? 0))];
      if (off > step * 1.5) return false;
      if (off > step / 2) moved++;
    }
  }
  return moved >= LEAST_ASTRAY;
}

function pick(weights: Weights, names: readonly string[]): Weights {
  return new Map(
    names.flatMap((name) => {
      const tensor = weights.get(name);
      return tensor ? [[name, tensor] as const] : [];
    }),
  );
}

function isRoundedFrom(copy: Weights, original: Weights, facts: Facts, isPruned: boolean): boolean {
  const names = [...copy.keys()].filter((name) => copy.get(name)?.data.length === original.get(name)?.data.length);
  const { masks } = compareOn(copy, names, isPruned);
  return isExactCopy(copy, original, names, roundings(facts, copy, 0), masks);
}

function wordsOfSiblings(...both: readonly Facts[]): readonly RelationWord[] {
  return both.some((facts) => [...facts.values()].some(({ lattice }) => lattice)) ? ['quantized'] : ['cast'];
}

/** Both are rounded, and differ by what the two roundings leave of one original and no more. */
function areSiblings(query: Weights, stored: Weights, own: Facts, facts: Facts): boolean {
  if (areOfOneType(own, facts)) return false;
  const [a, b] = [spacings(own, query), spacings(facts, stored)];
  if (!a || !b) return false;
  const rules = new Map<string, Rounding>();
  for (const name of query.keys())
    rules.set(name, { halfSteps: addTo(a.get(name), b.get(name)), assumed: 0, computed: 0 });
  const names = [...query.keys()];
  if (!isExactCopy(query, stored, names, rules, new Map())) return false;
  // The two errors are independent: their squares add, not they.
  const squares = new Map(
    names.map((name) => [name, { halfSteps: addSquares(a.get(name), b.get(name)), assumed: 0, computed: 0 }]),
  );
  const left = roundingResidual(query, stored, squares, new Map());
  return left !== undefined && left.ratio <= 1 / 3 + 4 * left.spread + 0.02;
}

/** Both hold floats of one type and nothing coarser: rounded from one original they would be equal. */
function areOfOneType(own: Facts, facts: Facts): boolean {
  const isPlain = ({ lattice, scaleUnderflow }: TensorFacts): boolean => !lattice && !scaleUnderflow;
  return [...own].every(([name, one]) => {
    const other = facts.get(name);
    return other !== undefined && isPlain(one) && isPlain(other) && one.grid === other.grid;
  });
}

/** Half the spacing of the values that each weight could have taken; undefined when nothing is rounded. */
function spacings(facts: Facts, weights: Weights): Map<string, Float32Array> | undefined {
  const found = new Map<string, Float32Array>();
  for (const [name, { grid, lattice, scaleUnderflow }] of facts) {
    const data = weights.get(name)?.data;
    if (scaleUnderflow && data) found.set(name, new Float32Array(data.length).fill(scaleUnderflow));
    else if (lattice) found.set(name, lattice.halfSteps);
    else if (grid && data)
      found.set(
        name,
        data.map((x) => halfUnit(grid, x)),
      );
  }
  return found.size > 0 ? found : undefined;
}

function addTo(a: Float32Array | undefined, b: Float32Array | undefined): Float32Array {
  if (!a || !b) return a ?? b ?? new Float32Array(0);
  return a.map((x, i) => x + (b[i] ?? 0));
}

function addSquares(a: Float32Array | undefined, b: Float32Array | undefined): Float32Array {
  if (!a || !b) return a ?? b ?? new Float32Array(0);
  return a.map((x, i) => Math.hypot(x, b[i] ?? 0));
}
