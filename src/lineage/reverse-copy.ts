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
    const words = valueWords(stored, query, facts, own);
    if (words.length > 0 && isRoundedFrom(stored, query, facts, words.includes('pruned'))) {
      return { id, words, direction: 'backward' };
    }
    if (areSiblings(query, stored, own, facts)) return { id, words: wordsOfSibling(own), direction: 'siblings' };
  }
  return undefined;
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

function wordsOfSibling(facts: Facts): readonly RelationWord[] {
  return [...facts.values()].some(({ lattice }) => lattice) ? ['quantized'] : ['cast'];
}

/** Both are rounded, and differ by what the two roundings leave of one original and no more. */
function areSiblings(query: Weights, stored: Weights, own: Facts, facts: Facts): boolean {
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

/** Half the spacing of the values that each weight could have taken; undefined when nothing is rounded. */
function spacings(facts: Facts, weights: Weights): Map<string, Float32Array> | undefined {
  const found = new Map<string, Float32Array>();
  for (const [name, { grid, lattice }] of facts) {
    const data = weights.get(name)?.data;
    if (lattice) found.set(name, lattice.halfSteps);
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
