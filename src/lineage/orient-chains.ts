import type { Chain, Links } from './chains.ts';
import type { Distances } from './distances.ts';
import { shortenPath } from './shorten-path.ts';

/** The weaker of the two links of an inner checkpoint is where a chain is cut; returns the start of the second piece. */
function cutAt(chain: Chain, position: number, links: Links): number {
  const at = (i: number) => chain[i] ?? 0;
  const before = links.strength(at(position - 1), at(position));
  const after = links.strength(at(position), at(position + 1));
  return before <= after ? position : position + 1;
}

function findLowest(values: readonly number[]): number {
  let lowest = 0;
  values.forEach((value, i) => {
    if (value < (values[lowest] ?? 0)) lowest = i;
  });
  return lowest;
}

/** The largest fall of the way from the root, from a peak to a later trough: where two tails were joined. */
function findFall(ways: readonly number[]): { readonly fall: number; readonly peak: number; readonly trough: number } {
  let top = 0;
  let best = { fall: 0, peak: 0, trough: 0 };
  ways.forEach((way, i) => {
    const fall = (ways[top] ?? 0) - way;
    if (fall <= 0) top = i;
    else if (fall > best.fall) best = { fall, peak: top, trough: i };
  });
  return best;
}

function longestStep(chain: Chain, from: number, to: number, distances: Distances): number {
  let longest = 0;
  for (let i = from; i < to; i++) longest = Math.max(longest, distances.length(chain[i] ?? 0, chain[i + 1] ?? 0));
  return longest;
}

/** Time runs away from the root along a chain: splits it where two heads were joined, and where two tails were. */
function splitBackwards(chain: Chain, ways: Float64Array, links: Links, distances: Distances): readonly Chain[] {
  if (chain.length < 3) return [chain];
  const split = (pieces: Chain, at: number) =>
    [pieces.slice(0, at), pieces.slice(at)].flatMap((piece) => splitBackwards(piece, ways, links, distances));
  const lowest = findLowest(chain.map((member) => ways[member] ?? 0));
  if (lowest > 0 && lowest < chain.length - 1) return split(chain, cutAt(chain, lowest, links));
  const forward = lowest === 0 ? chain : chain.toReversed();
  const { fall, peak, trough } = findFall(forward.map((member) => ways[member] ?? 0));
  const isJoined = trough - peak >= 2 && fall > longestStep(forward, peak + 1, trough, distances);
  return isJoined ? split(forward, cutAt(forward, peak, links)) : [forward];
}

/** Turns a chain so that it starts at the end that is nearer to the root. */
export function turnForward(chain: Chain, ways: Float64Array): Chain {
  return (ways[chain[0] ?? 0] ?? 0) <= (ways[chain.at(-1) ?? 0] ?? 0) ? chain : chain.toReversed();
}

/** Makes every chain run away from the root, along its shortest path (lineage.md, B4). */
export function orientChains(
  chains: readonly Chain[],
  ways: Float64Array,
  links: Links,
  distances: Distances,
): readonly Chain[] {
  return chains
    .flatMap((chain) => splitBackwards(chain, ways, links, distances))
    .map((chain) => turnForward(shortenPath(chain, distances), ways));
}
