import { groupBy } from '../symmetry/group-by.ts';
import type { Weights } from '../tensors/weights.ts';
import { type BlockChanges, findBlockChanges } from './block-changes.ts';
import { joinContexts, layoutContext } from './find-layouts.ts';
import { createLayoutOptions, type LayoutOptions } from './layout-options.ts';
import { matchBlocks } from './match-blocks.ts';
import { commonPrefix, takeSameContent, takeSameName } from './match-by-name.ts';
import { createValueMatcher, MUST_GAIN, resemblance, type ValueMatcher } from './match-by-values.ts';
import { joinSlices, sliceBoth } from './match-slices.ts';
import type { Named, TensorPair } from './tensor-pair.ts';

export type { Named, TensorPair } from './tensor-pair.ts';

/** One side of a matching: the tensors, and their values where they are at hand. */
export interface TensorSet {
  readonly tensors: readonly Named[];
  readonly weights?: Weights;
}

export interface TensorMatching {
  readonly pairs: readonly TensorPair[];
  /** Layers that were added, repeated or dropped. */
  readonly blocks: BlockChanges;
  /** Same name, other shape: a head of another size, a resized embedding. */
  readonly reshaped: readonly TensorPair[];
  readonly onlyQuery: readonly string[];
  readonly onlyCandidate: readonly string[];
  /** Natural logarithm of the number of pairings that the values chose from: to be added to the logarithm of a p-value that uses the pairs. */
  readonly logChoices: number;
}

/**
 * Pairs the tensors of two checkpoints whatever their names, order and axis order: blocks whose numbers are off, by name and shape, then by content, then within
 * each group of one shape (up to the order of its axes) by the values, or by the order in the file where there are none.
 *
 * @param options - shared by the candidates of one query, of which most have the same shapes.
 */
export function matchTensors(
  query: TensorSet,
  candidate: TensorSet,
  options: LayoutOptions = createLayoutOptions(),
): TensorMatching {
  const left = { query: indexOf(query), candidate: indexOf(candidate) };
  const blocks = matchBlocks(query, candidate);
  for (const pair of blocks.pairs) left.query.delete(pair.query);
  for (const name of blocks.used) left.candidate.delete(name);
  const exact = takeSameName(left.query, left.candidate, '', '');
  const renamed = takeSameName(
    left.query,
    left.candidate,
    commonPrefix(query.tensors),
    commonPrefix(candidate.tensors),
  );
  const contents = takeSameContent(left.query, left.candidate);
  const reshaped = takeReshaped(left, commonPrefix(query.tensors), commonPrefix(candidate.tensors));
  const context = joinContexts(contextOf(query), contextOf(candidate));
  const sliced = sliceBoth(left.query, left.candidate, query.weights, candidate.weights);
  const [a, b] = [sliced.query.weights, sliced.candidate.weights];
  const matcher = createValueMatcher(options(context), a, b);
  const groups = joinGroups(matchGroups(sliced.query.tensors, sliced.candidate.tensors, matcher), sliced);
  for (const pair of groups.pairs) {
    left.query.delete(pair.query);
    left.candidate.delete(pair.candidate);
  }
  const isTurned = groups.pairs.some((pair) => pair.layout);
  const named = orderNamed([...exact, ...renamed], indexOf(query), indexOf(candidate), matcher, isTurned);
  const pairs = [...named.pairs, ...blocks.pairs, ...contents, ...groups.pairs];
  return {
    pairs,
    blocks: findBlockChanges(pairs, query.tensors, candidate.tensors),
    reshaped,
    onlyQuery: [...left.query.keys()],
    onlyCandidate: [...left.candidate.keys()],
    logChoices: groups.logChoices + named.logChoices + blocks.logChoices,
  };
}

function indexOf(set: TensorSet): Map<string, Named> {
  return new Map(set.tensors.map((tensor) => [tensor.name, tensor]));
}

const contextOf = ({ tensors }: TensorSet) => layoutContext(tensors.map(({ shape }) => shape));

/** What two shapes of one content agree in: axes of one element are a matter of taste. */
const sortedShape = (shape: readonly number[]) =>
  shape
    .filter((n) => n !== 1)
    .sort((a, b) => a - b)
    .join('x');

/** Same name, after the given prefixes or as it is; shapes that no order of axes makes equal. */
function takeReshaped(
  { query, candidate }: { readonly query: Map<string, Named>; readonly candidate: Map<string, Named> },
  queryPrefix: string,
  candidatePrefix: string,
): TensorPair[] {
  const pairs: TensorPair[] = [];
  for (const [name, tensor] of query) {
    const other = candidate.get(name) ?? candidate.get(candidatePrefix + name.slice(queryPrefix.length));
    if (other && sortedShape(tensor.shape) !== sortedShape(other.shape))
      pairs.push({ query: name, candidate: other.name });
  }
  for (const pair of pairs) {
    query.delete(pair.query);
    candidate.delete(pair.candidate);
  }
  return pairs;
}

function groupsOf(tensors: ReadonlyMap<string, Named>): Map<string, Named[]> {
  return groupBy(tensors.values(), ({ shape }) => sortedShape(shape));
}

function matchGroups(query: ReadonlyMap<string, Named>, candidate: ReadonlyMap<string, Named>, matcher: ValueMatcher) {
  const pairs: TensorPair[] = [];
  let logChoices = 0;
  const others = groupsOf(candidate);
  // Matrices first: the order of their gates is that of the biases.
  const byRank = [...groupsOf(query)].sort(([a], [b]) => b.split('x').length - a.split('x').length);
  for (const [key, members] of byRank) {
    const group = matcher.group(members, others.get(key) ?? []);
    pairs.push(...group.pairs);
    logChoices += group.logChoices;
  }
  return { pairs, logChoices };
}

/** Whether a tensor that was cut resembles what its slices were paired with is one more choice each. */
function joinGroups(
  { pairs, logChoices }: Pick<TensorMatching, 'pairs' | 'logChoices'>,
  { query, candidate }: ReturnType<typeof sliceBoth>,
) {
  const rate = (pair: TensorPair) => resemblance(pair, query.weights, candidate.weights);
  const joined = joinSlices(pairs, query, candidate, rate, MUST_GAIN);
  return { pairs: joined.pairs, logChoices: logChoices + joined.wholes * Math.LN2 };
}

/** Tensors that keep name and shape may still be transposed, when they are square: the values tell, and pay for it in choices. */
function orderNamed(
  pairs: readonly TensorPair[],
  query: ReadonlyMap<string, Named>,
  candidate: ReadonlyMap<string, Named>,
  matcher: ValueMatcher,
  othersTurned: boolean,
) {
  let logChoices = 0;
  const ordered = pairs.map((pair) => {
    const [q, c] = [query.get(pair.query), candidate.get(pair.candidate)];
    if (!q || !c) return pair;
    const chosen = matcher.order(q, c, othersTurned);
    logChoices += chosen.logChoices;
    return chosen.pair;
  });
  return { pairs: ordered, logChoices };
}
