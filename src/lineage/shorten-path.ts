import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';

/** Longer chains are shortened in windows of this many checkpoints, which overlap by half. */
const WINDOW = 256;
const MOST_MOVES = 200;
/** Segments of up to this many checkpoints are moved as one (or-opt). */
const LONGEST_SEGMENT = 3;

/** A change of the path and what it shortens it by. */
interface Move {
  readonly gain: number;
  apply(path: readonly number[]): number[];
}

/** The path so far, as positions into a table of lengths. */
class OpenPath {
  readonly order: readonly number[];
  private readonly table: Float64Array;
  private readonly side: number;

  constructor(order: readonly number[], table: Float64Array, side: number) {
    this.order = order;
    this.table = table;
    this.side = side;
  }

  get size(): number {
    return this.order.length;
  }

  /** Length between the checkpoints at two positions; 0 beyond the ends, where the path is open. */
  length(i: number, j: number): number {
    const a = this.order[i];
    const b = this.order[j];
    return a === undefined || b === undefined ? 0 : (this.table[a * this.side + b] ?? 0);
  }

  total(): number {
    let sum = 0;
    for (let i = 0; i + 1 < this.size; i++) sum += this.length(i, i + 1);
    return sum;
  }
}

function bestReversal(path: OpenPath): Move {
  let gain = 0;
  let from = 0;
  let to = 0;
  for (let i = 0; i < path.size; i++) {
    const before = path.length(i - 1, i);
    for (let j = i + 1; j < path.size; j++) {
      const saved = before + path.length(j, j + 1) - path.length(i - 1, j) - path.length(i, j + 1);
      if (saved <= gain) continue;
      gain = saved;
      from = i;
      to = j;
    }
  }
  const apply = (order: readonly number[]) => [
    ...order.slice(0, from),
    ...order.slice(from, to + 1).reverse(),
    ...order.slice(to + 1),
  ];
  return { gain, apply };
}

/** Takes the segment out and puts it between `gap` and `gap + 1` of the same path; -1 and size - 1 are the open ends. */
function moveSegment(start: number, end: number, gap: number, isReversed: boolean): Move['apply'] {
  return (order) => {
    const segment = order.slice(start, end + 1);
    if (isReversed) segment.reverse();
    return gap < start
      ? [...order.slice(0, gap + 1), ...segment, ...order.slice(gap + 1, start), ...order.slice(end + 1)]
      : [...order.slice(0, start), ...order.slice(end + 1, gap + 1), ...segment, ...order.slice(gap + 1)];
  };
}

/** The best place for one segment, either way round. */
function bestPlace(path: OpenPath, start: number, end: number, atLeast: number): Move | undefined {
  const isInner = start > 0 && end + 1 < path.size;
  const removed =
    path.length(start - 1, start) + path.length(end, end + 1) - (isInner ? path.length(start - 1, end + 1) : 0);
  let best: Move | undefined;
  let gain = atLeast;
  for (let gap = -1; gap < path.size; gap++) {
    if (gap >= start - 1 && gap <= end) continue;
    const opened = gap >= 0 && gap + 1 < path.size ? path.length(gap, gap + 1) : 0;
    for (const isReversed of [false, true]) {
      const [first, last] = isReversed ? [end, start] : [start, end];
      const saved = removed + opened - path.length(gap, first) - path.length(last, gap + 1);
      if (saved <= gain) continue;
      gain = saved;
      best = { gain, apply: moveSegment(start, end, gap, isReversed) };
    }
  }
  return best;
}

function bestMove(path: OpenPath, least: number): Move | undefined {
  const reversal = bestReversal(path);
  let best = reversal.gain > least ? reversal : undefined;
  for (let length = 1; length <= Math.min(LONGEST_SEGMENT, path.size - 1); length++) {
    for (let start = 0; start + length <= path.size; start++) {
      best = bestPlace(path, start, start + length - 1, best?.gain ?? least) ?? best;
    }
  }
  return best;
}

function shortenWindow(chain: Chain, distances: Distances): Chain {
  const side = chain.length;
  const table = new Float64Array(side * side);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < i; j++) {
      const length = distances.length(chain[i] ?? 0, chain[j] ?? 0);
      table[i * side + j] = length;
      table[j * side + i] = length;
    }
  }
  let path = new OpenPath([...chain.keys()], table, side);
  for (let moves = 0; moves < MOST_MOVES; moves++) {
    const move = bestMove(path, 1e-10 * path.total());
    if (move === undefined) break;
    path = new OpenPath(move.apply(path.order), table, side);
  }
  return path.order.map((position) => chain[position] ?? 0);
}

/** Shortens an open path by reversing pieces and moving short segments (2-opt and or-opt) until nothing helps. */
export function shortenPath(chain: Chain, distances: Distances): Chain {
  if (chain.length < 3) return chain;
  let path = chain;
  for (let start = 0; ; start += WINDOW / 2) {
    const window = shortenWindow(path.slice(start, start + WINDOW), distances);
    path = [...path.slice(0, start), ...window, ...path.slice(start + WINDOW)];
    if (start + WINDOW >= path.length) return path;
  }
}
