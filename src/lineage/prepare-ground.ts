import type { BlockChanges } from '../diff/block-changes.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { Weights } from '../tensors/weights.ts';
import { readAlterations } from './alterations.ts';
import { withTrajectoryNeighbors } from './candidates.ts';
import { type Case, type Ground, type Ranked, rank } from './case.ts';
import { compareOn } from './comparison.ts';
import { changedTensors } from './exact-copy.ts';
import type { RelationWord } from './relation.ts';
import { findReplacedModules } from './replaced-modules.ts';
import { moduleOf } from './shared-values.ts';
import { COMPUTED_AGAIN, COMPUTED_BY_ALIGNMENT, roundings } from './tolerance.ts';
import { valueWords } from './value-words.ts';

/** What is known before the relation is decided. */
export interface Known {
  readonly ranked: readonly Ranked[];
  /** Words that the search itself found: permuted, rescaled. */
  readonly words: readonly RelationWord[];
}

/** Settles the base, the tensors that come from it, and what the values themselves say. */
export async function prepareGround(subject: Case, known: Known, first: ManifestId): Promise<Ground> {
  const query = subject.frame.sample;
  const before = await subject.weightsOf(first);
  const shared = [...query.keys()].filter((name) => query.get(name)?.data.length === before.get(name)?.data.length);
  const pruned = valueWords(query, before, subject.facts, readAlterations(before)).includes('pruned');
  const gone = await goneModules(subject, first, shared);
  const replaced = new Set([
    ...gone.modules,
    ...changedModules(subject, before, shared, findReplacedModules(query, before, subject.frame.graph, shared, pruned)),
  ]);
  const names = shared.filter((name) => !replaced.has(moduleOf(name)));
  const ranked = replaced.size > 0 && names.length > 0 ? await rankAgain(subject, known, names) : known.ranked;
  const base = ranked[0]?.id ?? first;
  const weights = await subject.weightsOf(base);
  const words = [...known.words, ...valueWords(query, weights, subject.facts, readAlterations(weights))];
  if (replaced.size > 0) words.push(isMostlyNew(query, replaced) ? 'fine-tuned' : 'head-replaced');
  const isAligned = known.words.length > 0;
  const layers = describeLayers(withRepeated((await subject.frame.candidate(base)).matching.blocks, subject, base));
  return {
    base,
    ranked,
    names,
    comparison: compareOn(query, names, words.includes('pruned')),
    roundings: roundings(subject.facts, query, isAligned ? COMPUTED_BY_ALIGNMENT : COMPUTED_AGAIN),
    words: [...words, ...layers.words],
    isAligned,
    notes: layers.notes,
  };
}

/** Layers that answer to none at their place may be copies of one elsewhere. */
function withRepeated(blocks: BlockChanges, { query, archive }: Case, base: ManifestId): BlockChanges {
  if (blocks.added.length === 0) return blocks;
  const contents = new Set(archive.member(base).summary.tensors.map(({ content }) => content));
  const isCopy = (block: string) =>
    query.summary.tensors.every(({ name, content }) => !name.startsWith(`${block}.`) || contents.has(content));
  const copies = blocks.added.filter(isCopy);
  const added = blocks.added.filter((block) => !copies.includes(block));
  return { ...blocks, added, repeated: [...copies, ...blocks.repeated] };
}

/** Layers that are gone were pruned away whole; new ones and repeated ones take the place of a head. */
function describeLayers({ added, repeated, dropped }: BlockChanges): Pick<Ground, 'words' | 'notes'> {
  const words: RelationWord[] = [];
  if (dropped.length > 0) words.push('pruned');
  if (added.length + repeated.length > 0) words.push('head-replaced');
  const notes = [
    { names: dropped, text: 'Layers that are gone' },
    { names: added, text: 'Layers that are new' },
    { names: repeated, text: 'Layers that stand twice' },
  ];
  return {
    words,
    notes: notes.flatMap(({ names, text }) => (names.length > 0 ? `${text}: ${names.join(', ')}.` : [])),
  };
}

/** Of modules that resemble nothing, those that rounding does not explain: a block's scale may underflow and take all of it away. */
function changedModules(
  { frame, facts }: Case,
  base: Weights,
  shared: readonly string[],
  modules: Iterable<string>,
): readonly string[] {
  const changed = changedTensors(frame.sample, base, shared, roundings(facts, frame.sample, 0), new Map());
  const touched = new Set(changed.map(moduleOf));
  return [...modules].filter((module) => touched.has(module));
}

/** Modules that the query has and the base has not, or in another shape. Optimizer moments repeat shapes of the weights: they are no new layers. */
async function goneModules(
  subject: Case,
  base: ManifestId,
  shared: readonly string[],
): Promise<{ readonly modules: readonly string[] }> {
  const { matching } = await subject.frame.candidate(base);
  const query = subject.frame.sample;
  const shapes = new Set(shared.map((name) => query.get(name)?.shape.join('x')));
  const extra = matching.onlyQuery.filter((name) => {
    const shape = query.get(name)?.shape ?? [];
    return shape.length > 0 && !shapes.has(shape.join('x'));
  });
  const reshaped = matching.reshaped.map((pair) => pair.query);
  // Where nothing is gone, a vector may be a table of positions, and another container may add constants of its graph.
  const isOneFormat = subject.query.summary.format === subject.archive.member(base).summary.format;
  const isMatrix = (name: string) => (query.get(name)?.shape.length ?? 0) > 1;
  const added = matching.onlyCandidate.length > 0 ? extra : extra.filter((name) => isOneFormat && isMatrix(name));
  return { modules: [...reshaped, ...added].map(moduleOf) };
}

async function rankAgain(subject: Case, known: Known, names: readonly string[]): Promise<readonly Ranked[]> {
  const best = known.ranked.map(({ id }) => id);
  const around = withTrajectoryNeighbors(best.slice(0, 1), subject.archive);
  return rank(subject, [...new Set([...best, ...around])], names);
}

/** More than a third of the modules are new: no head any more. */
function isMostlyNew(query: Weights, replaced: ReadonlySet<string>): boolean {
  const matrices = [...query].filter(([, tensor]) => tensor.shape.length > 1).map(([name]) => moduleOf(name));
  const modules = new Set(matrices);
  return replaced.size > Math.max(1, Math.floor(modules.size / 3));
}
