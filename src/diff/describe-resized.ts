import { type AxisUnits, isAtEnd } from './axis-units.ts';
import type { ResizedPair } from './find-resized.ts';

/** Shape of a tensor as its file has it: of large ones fewer rows are read. */
export type ShapeOf = (name: string) => readonly number[] | undefined;

const WORDS = ['row', 'column'] as const;

function wordFor(axis: number, { length: rank, 0: first }: readonly number[]): string {
  if (rank === 1) return 'value';
  if (rank === 3 && axis === 1 && first === 1) return 'place';
  return rank === 2 ? (WORDS[axis] ?? 'place') : axis === 0 ? 'output channel' : 'input channel';
}

/** Says of one axis what it has of the other file's: `rows 0..50256 of wte.weight, 47 new rows`; the name only where it is another. */
function describeAxis(
  units: AxisUnits,
  { query, candidate, isInterpolated }: ResizedPair,
  ofQuery: ShapeOf,
  ofCandidate: ShapeOf,
): string {
  const [own, other] = [ofQuery(query) ?? [], ofCandidate(candidate) ?? []];
  const [a, b] = [own[units.axis] ?? 0, other[units.axis] ?? 0];
  const word = wordFor(units.axis, own);
  const source = query === candidate ? '' : ` of ${candidate}`;
  const rest = a > b ? `${a - b} new ${word}${a - b === 1 ? '' : 's'}` : `${b - a} gone`;
  if (isInterpolated)
    return a > b
      ? `${a} ${word}s, interpolated from ${b}${source}`
      : `${a} ${word}s of which ${b} were interpolated${source}`;
  if (isAtEnd(units)) return `${word}s 0..${Math.min(a, b) - 1}${source}, ${rest}`;
  return `${a > b ? 'all' : `${a} of`} ${b} ${word}s${source}, ${rest}`;
}

/** Says of a resized tensor which of its units come from where, and how many are new or gone. */
export function describeResized(pair: ResizedPair, ofQuery: ShapeOf, ofCandidate: ShapeOf): string {
  const axes = [...pair.axes].sort((a, b) => a.axis - b.axis);
  return axes.map((units) => describeAxis(units, pair, ofQuery, ofCandidate)).join('; ');
}
