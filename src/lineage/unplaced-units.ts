import { areUnrelated } from '../diff/unrelated.ts';
import { applyFreeMatch, type FreeMatch, matchFreely, movesUnits } from '../symmetry/match-freely.ts';
import { logFactorial } from '../symmetry/tails.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { isExactCopy } from './exact-copy.ts';
import { COMPUTED_BY_ALIGNMENT, type Rounding } from './tolerance.ts';

/** Tensors of a candidate whose units stand elsewhere in the query, found from the values alone. */
export interface UnplacedUnits {
  readonly matches: ReadonlyMap<string, FreeMatch>;
  /** ln of the number of orders that were open for them. */
  readonly logChoices: number;
}

type Rules = ReadonlyMap<string, Rounding>;
type Masks = ReadonlyMap<string, Uint8Array>;

/**
 * Looks for tensors that are exact copies once their rows and columns are reordered, where the axis graph places no units to reorder: attention heads,
 * names that no rule knows. Only what then agrees within rounding counts, so that nothing is explained away.
 */
export function findUnplacedUnits(
  query: Weights,
  candidate: Weights,
  moved: readonly string[],
  rules: Rules,
  masks: Masks,
): UnplacedUnits {
  const found = new Map<string, FreeMatch>();
  for (const name of moved) {
    const [own, other] = [query.get(name), candidate.get(name)];
    if (!own || !other || isCopy(name, own, other, rules, masks)) continue;
    const match = matchAsCopy(name, own, other, rules, masks);
    if (match) found.set(name, match);
  }
  return { matches: found, logChoices: choicesOf(found) };
}

/** The same where every tensor must be a copy: undefined as soon as one is none. Smaller ones are asked first, which is cheap for strangers. */
export function findReorderedCopy(
  query: Weights,
  candidate: Weights,
  rules: Rules,
  masks: Masks,
): UnplacedUnits | undefined {
  const found = new Map<string, FreeMatch>();
  for (const [name, own] of [...query].sort(([, a], [, b]) => a.data.length - b.data.length)) {
    const other = candidate.get(name);
    if (other?.shape.join() !== own.shape.join()) return undefined;
    if (isCopy(name, own, other, rules, masks)) continue;
    const match = matchAsCopy(name, own, other, rules, masks);
    if (!match) return undefined;
    found.set(name, match);
  }
  return { matches: found, logChoices: choicesOf(found) };
}

function matchAsCopy(
  name: string,
  query: WeightArray,
  candidate: WeightArray,
  rules: Rules,
  masks: Masks,
): FreeMatch | undefined {
  const match = matchFreely(query, candidate);
  return movesUnits(match) && isCopy(name, query, applyFreeMatch(candidate, match), rules, masks) ? match : undefined;
}

function choicesOf(matches: ReadonlyMap<string, FreeMatch>): number {
  let choices = 0;
  for (const { rows, columns } of matches.values())
    choices += logFactorial(rows.length) + logFactorial(columns?.length ?? 0);
  return choices;
}

/** Names of the tensors that have rows which are out of place; none is the usual answer, and a cheap one. */
export function listMovedTensors(query: Weights, candidate: Weights): readonly string[] {
  return [...query].flatMap(([name, own]) => {
    const other = candidate.get(name);
    return other && hasMovedRows(own, other) ? [name] : [];
  });
}

/** Whether two rows at least have nothing to do with those at their place; all, where columns moved. */
export function hasMovedRows({ shape, data }: WeightArray, candidate: WeightArray): boolean {
  if (shape.join() !== candidate.shape.join()) return false;
  const width = data.length / (shape[0] ?? 1);
  let moved = 0;
  for (let start = 0; start < data.length && moved < 2; start += width)
    if (areUnrelated(data, candidate.data, start, start + width)) moved++;
  return moved > 1;
}

/** Values that have nothing to do with those at their place: half of what two unrelated tensors differ by. */
export function isUnrelatedInPlace(query: WeightArray, candidate: WeightArray): boolean {
  if (query.shape.join() !== candidate.shape.join()) return false;
  return areUnrelated(query.data, candidate.data);
}

/** Brings a candidate's tensors into the order that was found. */
export function applyUnplacedUnits(weights: Weights, { matches }: UnplacedUnits): Weights {
  return new Map(
    [...weights].map(([name, tensor]) => {
      const match = matches.get(name);
      return [name, match && fits(match, tensor) ? applyFreeMatch(tensor, match) : tensor];
    }),
  );
}

function fits({ rows, columns }: FreeMatch, { shape }: WeightArray): boolean {
  return rows.length === shape[0] && (columns === undefined || columns.length === shape[1]);
}

function isCopy(name: string, query: WeightArray, candidate: WeightArray, rules: Rules, masks: Masks): boolean {
  const rule = rules.get(name) ?? { assumed: 0, computed: COMPUTED_BY_ALIGNMENT };
  return isExactCopy(new Map([[name, query]]), new Map([[name, candidate]]), [name], new Map([[name, rule]]), masks);
}
