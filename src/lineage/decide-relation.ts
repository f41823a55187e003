import type { Weights } from '../tensors/weights.ts';
import { readAlterations } from './alterations.ts';
import type { Case, Finding, Ground, Ranked } from './case.ts';
import { findCodes } from './codes.ts';
import { changedTensors, isExactCopy } from './exact-copy.ts';
import { type Average, findAverage } from './find-average.ts';
import type { FoldedLayer } from './folded-copy.ts';
import { findLowRank } from './low-rank.ts';
import { findOtherSources, type OtherSource } from './other-sources.ts';
import { findPairwiseMerge } from './pairwise-merge.ts';
import { placeOnRun } from './place-on-run.ts';
import { type Known, prepareGround } from './prepare-ground.ts';
import { areLevelsMoved, findReverseCopy, isRoundedElsewhere, type ReverseCopy } from './reverse-copy.ts';
import { findSparseMerge } from './sparse-merge.ts';
import { findStitched, type Part } from './stitched.ts';
import { sumBiases } from './summed-biases.ts';
import { isUnrelatedInPlace } from './unplaced-units.ts';
import { valueWords } from './value-words.ts';

/** How sure "fine-tuned" is where inner layers resemble nothing of the base. */
const LOST = 0.5;

/** What is said of an answer whose direction is not that from what is stored to the query. */
export const DIRECTION_NOTES = {
  backward: 'The other way round: what is stored was made from this.',
  siblings: 'Both were rounded from one original that is not stored.',
} as const;

/** A finding with what it rests on. */
export interface Decision extends Finding {
  readonly ranked: readonly Ranked[];
  /** Tensors of the frame that come from the base. */
  readonly names: readonly string[];
  /** Tensors that come from other stored checkpoints. */
  readonly foreign?: readonly OtherSource[];
  /** Layers that normalisations were folded into, in one of the two. */
  readonly folded?: readonly FoldedLayer[];
}

/** Decides how a known query comes from what is stored (lineage.md, A2 steps 4 to 11). */
export async function decideRelation(subject: Case, known: Known): Promise<Decision> {
  const first = known.ranked[0];
  if (!first) throw new RangeError('A known query has a candidate.');
  const parts = known.words.length > 0 ? undefined : await findStitched(subject, known.ranked);
  if (parts) return answerStitched(subject, known, parts);
  const coded = known.words.length > 0 ? undefined : await findCodes(subject, first.id);
  if (coded) return { ...coded, ranked: known.ranked, names: [] };
  const ground = await prepareGround(subject, known, first.id);
  const base = await subject.weightsOf(ground.base);
  const rest = await decideRest(subject, ground, base);
  const foreign = await findOtherSources(subject, ground);
  // What the query's own values say of a step that was not taken from the base does not say how it came from there.
  const words =
    rest.direction === undefined || rest.direction === 'forward' ? [...ground.words, ...rest.words] : rest.words;
  const doubt =
    doubtOfNumbers(subject, base) ?? (words.includes('fine-tuned') ? doubtOfTraining(subject, base) : undefined);
  const found = {
    ...rest,
    ranked: ground.ranked,
    names: ground.names,
    words,
    ...withDoubt({ ...rest, notes: [...ground.notes, ...rest.notes] }, doubt),
  };
  return foreign.length > 0 ? stitch(subject, found, foreign) : found;
}

/**
 * Training moves weights; it does not leave them unrelated to what they were while the rest of the network stays. Inner layers that are may have
 * their units in another order, which names that no rule knows do not show, or may have been drawn anew: which, the weights do not say.
 */
function doubtOfTraining({ frame }: Case, base: Weights): string | undefined {
  const lost = [...frame.sample].filter(([name, own]) => {
    const other = base.get(name);
    return own.shape.length > 1 && other !== undefined && isUnrelatedInPlace(own, other);
  });
  if (lost.length === 0) return undefined;
  const names = lost.slice(0, 3).map(([name]) => frame.nameInQuery(name));
  return `${lost.length} matrices resemble nothing at their place (${names.join(', ')}): drawn anew, or their units stand in another order.`;
}

/** Values that became infinite or no number say nothing of how: a network that diverged, or a broken copy. */
function doubtOfNumbers({ frame }: Case, base: Weights): string | undefined {
  let lost = 0;
  const names: string[] = [];
  for (const [name, { data }] of frame.sample) {
    const other = base.get(name)?.data;
    const gone = data.reduce((sum, x, i) => sum + (!Number.isFinite(x) && Number.isFinite(other?.[i]) ? 1 : 0), 0);
    if (gone > 0) names.push(frame.nameInQuery(name));
    lost += gone;
  }
  if (lost === 0) return undefined;
  return `${lost} values are infinite or not a number, which they are not in the base (${names.slice(0, 3).join(', ')}).`;
}

function withDoubt({ sureness, notes }: Finding, doubt: string | undefined): Pick<Finding, 'sureness' | 'notes'> {
  return doubt === undefined ? { sureness, notes } : { sureness: Math.min(sureness, LOST), notes: [...notes, doubt] };
}

async function decideRest(subject: Case, ground: Ground, base: Weights): Promise<Finding> {
  const query = subject.frame.sample;
  const { names, comparison } = ground;
  const position = subject.archive.member(ground.base).position;
  const at = {
    base: ground.base,
    ...(position === undefined ? {} : { position }),
    parents: [{ id: ground.base, weight: 1 }],
    notes: [],
  };
  if (names.length === 0) return { ...at, words: [], sureness: 0.5 };
  if (isExactCopy(query, base, names, ground.roundings, comparison.masks)) {
    return isSibling(subject, ground, base)
      ? answerReverse(subject, {
          id: ground.base,
          words: ground.words.length > 0 ? ground.words : ['quantized'],
          direction: 'siblings',
        })
      : { ...at, ...(await copyOf(subject, ground)), sureness: 0.999 };
  }
  if (isPlain(ground) && (await isCopyWithSummedBiases(subject, ground, base)))
    return { ...at, words: ['recontained'], sureness: 0.999, notes: ['Two biases of a layer are kept as their sum.'] };
  const reverse = ground.isAligned ? undefined : await findReverseCopy(subject, ground);
  if (reverse) return answerReverse(subject, reverse);
  const average = (await findAverage(subject, ground)) ?? (await findOtherMerge(subject, ground));
  if (average) {
    return {
      ...placeOfAverage(subject, average),
      words: [average.isOfOneRun ? 'averaged' : 'merged'],
      sureness: 0.999,
      notes: [],
    };
  }
  const changed = changedTensors(query, base, names, ground.roundings, comparison.masks);
  const rank = isPlain(ground) ? findLowRank(query, base, changed) : undefined;
  if (rank !== undefined)
    return { ...at, words: ['low-rank'], sureness: 0.995, notes: [`The change has rank ${rank}.`] };
  return placeOnRun(subject, ground);
}

/** Merges whose coefficients differ from tensor to tensor, or from value to value. */
async function findOtherMerge(subject: Case, ground: Ground): Promise<Average | undefined> {
  if (ground.isAligned || ground.words.includes('pruned') || ground.words.includes('quantized')) return undefined;
  const merge = await findPairwiseMerge(subject, ground);
  return merge ?? (ground.words.length === 0 ? findSparseMerge(subject, ground) : undefined);
}

/** One of the two files keeps the sums of biases of which the other has both. */
async function isCopyWithSummedBiases({ frame, archive }: Case, ground: Ground, base: Weights): Promise<boolean> {
  const { matching } = await frame.candidate(ground.base);
  const { onlyQuery, onlyCandidate } = matching;
  const isCopy = (query: Weights, candidate: Weights) =>
    isExactCopy(query, candidate, ground.names, ground.roundings, ground.comparison.masks);
  const stored = onlyCandidate.length > 0 ? await archive.weights(ground.base) : new Map();
  const ofBase = sumBiases(frame.sample, base, pick(stored, onlyCandidate));
  if (ofBase && isCopy(frame.sample, ofBase)) return true;
  const ofQuery = sumBiases(base, frame.sample, pick(frame.sample, onlyQuery));
  return ofQuery !== undefined && isCopy(ofQuery, base);
}

function pick(weights: Weights, names: readonly string[]) {
  return names.flatMap((name) => weights.get(name) ?? []);
}

/** Rounded so much more coarsely than the base that it passes for a copy of it, and yet from their common original. */
function isSibling({ frame, facts }: Case, ground: Ground, base: Weights): boolean {
  if (ground.words.length === 0) return areLevelsMoved(frame.sample, base, facts, readAlterations(base));
  if (
    ground.isAligned ||
    ground.words.includes('pruned') ||
    !ground.words.some((w) => w === 'quantized' || w === 'cast')
  )
    return false;
  return isRoundedElsewhere(frame.sample, base, facts, readAlterations(base));
}

/** The heaviest parent is the base; an average of one run lies at the mean of its parents' positions, a merge of several at none. */
function placeOfAverage(
  { archive }: Case,
  { parents, isOfOneRun }: Average,
): Pick<Finding, 'base' | 'position' | 'parents'> {
  const heaviest = parents.reduce((a, b) => (b.weight > a.weight ? b : a));
  const positions = parents.map(({ id, weight }) => weight * (archive.member(id).position ?? Number.NaN));
  const position = positions.reduce((sum, x) => sum + x, 0);
  return { base: heaviest.id, ...(isOfOneRun && Number.isFinite(position) ? { position } : {}), parents };
}

/** Nothing that rounds every value, which would hide a low rank. */
function isPlain(ground: Ground): boolean {
  return (
    !ground.isAligned && !ground.words.some((word) => word === 'pruned' || word === 'quantized' || word === 'cast')
  );
}

/** What a copy is: in another type, in another container, under other names, or the same in all. */
async function copyOf(subject: Case, ground: Ground): Promise<Pick<Finding, 'words' | 'direction'>> {
  if (ground.words.length > 0) return { words: [], direction: 'forward' };
  const { query, archive, frame } = subject;
  const { matching } = await frame.candidate(ground.base);
  const stored = archive.member(ground.base).summary;
  const names = new Map(matching.pairs.map((pair) => [pair.query, pair.candidate]));
  const types = [query.summary, stored].map((summary) => new Map(summary.tensors.map((t) => [t.name, t.dtype])));
  const [own, others] = types;
  const isRetyped = ground.names.some(
    (name) => own?.get(frame.nameInQuery(name)) !== others?.get(names.get(name) ?? name),
  );
  return { words: [isRetyped && query.summary.format === stored.format ? 'cast' : 'recontained'] };
}

function answerReverse({ archive }: Case, { id, words, direction }: ReverseCopy): Finding {
  const { position } = archive.member(id);
  return {
    base: id,
    words,
    direction,
    ...(position === undefined ? {} : { position }),
    parents: [{ id, weight: 1 }],
    sureness: 0.995,
    notes: [DIRECTION_NOTES[direction]],
  };
}

/** Every module is a copy from some stored checkpoint, and no one of them has them all. */
async function answerStitched(subject: Case, { ranked }: Known, parts: readonly Part[]): Promise<Decision> {
  const [own, ...foreign] = parts;
  if (!own) throw new RangeError('A stitched checkpoint has parts.');
  const query = subject.frame.sample;
  const base = await subject.weightsOf(own.id);
  const words = valueWords(query, base, subject.facts, readAlterations(base)).filter((word) => word !== 'pruned');
  const found = { base: own.id, words, ranked, names: own.names, sureness: 0.999, notes: [] };
  return stitch(subject, { ...found, parents: [{ id: own.id, weight: 1 }] }, foreign);
}

/** A model put together from layers of several: its parents weigh as much as they gave. */
function stitch(subject: Case, found: Decision, foreign: readonly OtherSource[]): Decision {
  const size = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (subject.frame.sample.get(name)?.data.length ?? 0), 0);
  const total = size(found.names) + foreign.reduce((sum, { names }) => sum + size(names), 0);
  const own = found.parents.map(({ id, weight }) => ({ id, weight: (weight * size(found.names)) / total }));
  const others = foreign.map(({ id, names }) => ({ id, weight: size(names) / total }));
  const words = found.words.filter(
    (word) => word !== 'head-replaced' && word !== 'recontained' && word !== 'fine-tuned',
  );
  return {
    ...found,
    foreign,
    parents: [...own, ...others],
    words: ['merged', ...words],
    notes: [...found.notes, 'Put together from layers of several checkpoints.'],
  };
}
