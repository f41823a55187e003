import { isAtEnd, isInOrder } from '../diff/axis-units.ts';
import { describeResized } from '../diff/describe-resized.ts';
import type { ResizedPair } from '../diff/find-resized.ts';
import type { Summary } from '../sketch/summary.ts';
import type { Identification, TensorMatch } from './model.ts';
import { joinWords, RELATION_WORDS, type RelationWord } from './relation.ts';
import type { ResizedCase } from './resized-case.ts';

/** Tensors that the sentence about the whole names. */
const NAMED = 3;

/** What an answer about the common units says of the whole checkpoints. */
export function describeResizedCase(found: Identification, resized: ResizedCase, whole: Summary): Identification {
  const axes = resized.pairs.flatMap((pair) => pair.axes);
  const stored = resized.archive.member(resized.compared).summary;
  const notes = new Map(resized.pairs.map((pair) => [pair.query, noteFor(pair, whole, stored)]));
  const isEarlier = isOriginal(resized.pairs);
  return {
    ...found,
    relation: joinWords([...keptWords(found.relation), ...resizedWords(resized.pairs, isEarlier)]),
    direction: isEarlier ? 'backward' : found.direction,
    isCutAtEnd: axes.every(isAtEnd),
    tensors: [...found.tensors.map((tensor) => withNote(tensor, resized.pairs, notes)), ...listUnread(resized)],
    notes: [...found.notes, summarize(resized.pairs, notes)],
  };
}

function shapesOf({ tensors }: Summary): (name: string) => readonly number[] | undefined {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  return (name) => shapes.get(name);
}

function noteFor(pair: ResizedPair, whole: Summary, stored: Summary): string {
  return describeResized(pair, shapesOf(whole), shapesOf(stored));
}

/**
 * The query has units between those of what is stored: nobody adds them there unless by interpolating, but units are removed from everywhere. What is
 * interpolated was made from what is shorter.
 */
function isOriginal(pairs: readonly ResizedPair[]): boolean {
  const [tables, others] = [pairs.filter((pair) => pair.isInterpolated), pairs.filter((pair) => !pair.isInterpolated)];
  const axes = others.flatMap((pair) => pair.axes);
  if (!tables.every((pair) => pair.axes.every(({ larger }) => larger === 'candidate'))) return false;
  return axes.every(({ larger }) => larger === 'query') && (tables.length > 0 || axes.some((units) => !isAtEnd(units)));
}

function keptWords(relation: string): readonly RelationWord[] {
  const words = relation.split('+');
  return RELATION_WORDS.filter((word) => words.includes(word) && word !== 'identical' && word !== 'recontained');
}

/** Units that are gone were pruned away; new ones take the place of a head. */
function resizedWords(pairs: readonly ResizedPair[], isEarlier: boolean): readonly RelationWord[] {
  const axes = pairs.filter((pair) => !pair.isInterpolated).flatMap((pair) => pair.axes);
  const hasTables = pairs.some((pair) => pair.isInterpolated);
  const words: RelationWord[] = [];
  if ((isEarlier && axes.length > 0) || axes.some(({ larger }) => larger === 'candidate')) words.push('pruned');
  if (hasTables || (!isEarlier && axes.some(({ larger }) => larger === 'query'))) words.push('head-replaced');
  if (axes.some((units) => !isInOrder(units))) words.push('permuted');
  return words;
}

function withNote(tensor: TensorMatch, pairs: readonly ResizedPair[], notes: ReadonlyMap<string, string>): TensorMatch {
  const note = notes.get(tensor.name);
  if (note === undefined || tensor.match === null) return tensor;
  const isMoved = pairs.some(({ query, axes }) => query === tensor.name && !axes.every(isInOrder));
  return { ...tensor, kind: isMoved || tensor.kind === 'permuted' ? 'permuted' : 'changed', note };
}

function listUnread({ unread, compared }: ResizedCase): readonly TensorMatch[] {
  const note = 'not compared: too few of its rows are read to tell which are gone or new';
  return unread.map(({ query, candidate }) => {
    return { name: query, match: { id: compared, tensor: candidate }, kind: 'changed', note };
  });
}

function summarize(pairs: readonly ResizedPair[], notes: ReadonlyMap<string, string>): string {
  const named = pairs.slice(0, NAMED).map(({ query }) => `${query} (${notes.get(query)})`);
  const more = pairs.length > NAMED ? `, and ${pairs.length - NAMED} more` : '';
  return `Tensors of another size: ${named.join(', ')}${more}.`;
}
