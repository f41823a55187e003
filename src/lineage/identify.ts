import type { ManifestId } from '../objects/ids.ts';
import { readAlterations } from './alterations.ts';
import { answerFromContent, answerKnown, answerUnknown, type SearchState } from './answer.ts';
import { foreignCandidates, nearCandidates, withTrajectoryNeighbors } from './candidates.ts';
import { type Case, type Ranked, rank } from './case.ts';
import { compareOn } from './comparison.ts';
import { findByContent } from './contents.ts';
import { describeResizedCase } from './describe-resized-case.ts';
import { findFolded } from './find-folded.ts';
import { describeFoldedCase, openFolded } from './folded-case.ts';
import { type Frame, isOwnFrame, moveFrame, openFrame, placedCount } from './frame.ts';
import { findPartlyReordered, findReordered } from './lost-order.ts';
import type { Archive, Identification, Query } from './model.ts';
import { type Proof, proveKinship } from './prove-kinship.ts';
import { findRescaled } from './rescaled-copy.ts';
import { openResized } from './resized-case.ts';
import { findRotatedAttention } from './rotated-attention.ts';
import { COMPUTED_AGAIN, roundings } from './tolerance.ts';

export interface IdentifyOptions {
  /** How many candidates the answer lists; 5 when absent. */
  readonly candidates?: number;
}

const LISTED = 5;
/** Candidates of different runs that are asked for kinship before the query counts as unknown. */
const ASKED = 3;
/** Another frame is taken when it places this much more of the weights. */
const PLACES_MORE = 1.2;

/**
 * Says what a checkpoint is and what it was made from, from its weights alone: contents first, then candidates that are ranked on the weights,
 * an exact test of kinship, and the relation from what the best candidate leaves unexplained (lineage.md, A2 and C). Writes nothing.
 */
export async function identifyCheckpoint(
  query: Query,
  archive: Archive,
  options: IdentifyOptions = {},
): Promise<Identification> {
  const limit = options.candidates ?? LISTED;
  const match = findByContent(query.summary, archive);
  if (match) return answerFromContent(query, match, archive);
  const near = await searchAmong(query, archive, nearCandidates(query.summary, archive));
  if (near?.proof.isKnown && isOfOwnSpace(near)) return answerFound(near, limit);
  const resized = await identifyResized(query, archive, limit);
  if (resized) return resized;
  const state = near?.proof.isKnown
    ? near
    : await searchAmong(query, archive, foreignCandidates(query.summary, archive));
  if (state?.proof.isKnown) return answerFound(state, limit);
  const folded = (await identifyFolded(near, limit)) ?? (await identifyFolded(state, limit));
  return folded ?? answerUnknown(near ?? state, query, archive, limit);
}

function isOfOwnSpace({ subject, ranked }: SearchState): boolean {
  const [best] = ranked;
  return best !== undefined && subject.archive.member(best.id).summary.space === subject.query.summary.space;
}

/** Compares what a query of other shapes than all that is stored has in common with it. */
async function identifyResized(query: Query, archive: Archive, limit: number): Promise<Identification | undefined> {
  const resized = await openResized(query, archive);
  if (!resized) return undefined;
  const state = await searchAmong(resized.query, resized.archive, resized.ids);
  if (!state?.proof.isKnown) return undefined;
  return describeResizedCase(await answerKnown(await withTransformation(state), limit), resized, query.summary);
}

/** The answer about a query that has a relative: also once normalisations are folded that only one of the two has. */
async function answerFound(state: SearchState, limit: number): Promise<Identification> {
  const folded = state.decision?.folded ? undefined : await identifyFolded(state, limit);
  return folded ?? answerKnown(await withTransformation(state), limit);
}

async function identifyFolded(search: SearchState | undefined, limit: number): Promise<Identification | undefined> {
  if (!search) return undefined;
  const { query, archive } = search.subject;
  const folded = await openFolded(
    query,
    archive,
    search.ranked.map(({ id }) => id),
  );
  if (!folded) return undefined;
  const state = await searchAmong(folded.query, folded.archive, folded.ids);
  // What is kin as it stands needs no second proof, which the choice of layers would have to be paid from.
  const proof = state?.proof.isKnown ? state.proof : search.proof;
  if (!state || !proof.isKnown) return undefined;
  return describeFoldedCase(await answerKnown(await withTransformation({ ...state, proof }), limit), folded);
}

/** A known query may still be a multiple of a stored checkpoint, or have some of its units out of order; a copy in order is neither. */
async function withTransformation(state: SearchState): Promise<SearchState> {
  const { subject, ranked, proof } = state;
  if (state.words.length > 0 || proof.by === 'exact copy') return state;
  const rescaled = await findRescaled(subject, ranked, hasManyZeros(subject.query));
  if (!rescaled) return (await findPartlyReordered(subject, ranked, proof)) ?? withRotation(state);
  const factor = rescaled.factor.toPrecision(6);
  const note = rescaled.isUniform
    ? `All weights are ${factor} times what they were.`
    : 'Each tensor has a factor of its own.';
  return { ...rescaled, proof: { ...proof, notes: [...proof.notes, note] }, words: ['rescaled'] };
}

async function withRotation(state: SearchState): Promise<SearchState> {
  const { subject, ranked, proof } = state;
  const rotated = await findRotatedAttention(subject, ranked);
  if (!rotated) return state;
  return { ...rotated, proof: { ...proof, notes: [...proof.notes, rotated.note] }, words: ['rescaled'] };
}

async function searchAmong(
  query: Query,
  archive: Archive,
  ids: readonly ManifestId[],
): Promise<SearchState | undefined> {
  if (ids.length === 0) return undefined;
  let subject = openCase(query, archive, await openFrame(query, archive));
  let ranked = await rankWithNeighbors(subject, ids);
  const moved = await betterFrame(subject, ranked);
  if (moved) {
    subject = moved;
    ranked = await rankWithNeighbors(subject, ids);
  }
  const folded = await findFolded(subject, ranked);
  return folded ? { subject, ranked, words: ['rescaled'], ...folded } : prove(subject, ranked);
}

function openCase(query: Query, archive: Archive, frame: Frame): Case {
  return {
    query,
    archive,
    frame,
    facts: readAlterations(frame.sample),
    weightsOf: async (id) => (await frame.candidate(id)).sample,
  };
}

async function rankWithNeighbors(subject: Case, ids: readonly ManifestId[]): Promise<readonly Ranked[]> {
  const first = await rank(subject, ids);
  const around = withTrajectoryNeighbors(
    first.slice(0, 2).map(({ id }) => id),
    subject.archive,
  );
  return rank(subject, [...new Set([...first.map(({ id }) => id), ...around])]);
}

/** The frame of the best candidate, when the query's own names place less. */
async function betterFrame(subject: Case, ranked: readonly Ranked[]): Promise<Case | undefined> {
  const best = ranked[0];
  if (!best) return undefined;
  const { frame, query, archive } = subject;
  if (await isOwnFrame(frame, query, archive, best.id)) return undefined;
  const moved = await moveFrame(frame, query, archive, best.id);
  const isBetter = placedCount(moved.graph, moved.query) > PLACES_MORE * placedCount(frame.graph, frame.query);
  return isBetter ? openCase(query, archive, moved) : undefined;
}

const OF_KIN: Proof = { isKnown: true, by: 'kinship', zOfCopy: 0, notes: [] };

/** Proves kinship with the best candidates, one a run, best first; the ranking then starts with the one that is proved. */
async function prove(subject: Case, ranked: readonly Ranked[]): Promise<SearchState> {
  if (subject.query.isOfKin) return { subject, ranked, words: [], proof: OF_KIN };
  let first: SearchState | undefined;
  for (const { id } of bestOfRuns(subject.archive, ranked).slice(0, ASKED)) {
    const proof = await proofFor(subject, id, ranked.length);
    const state: SearchState = {
      subject,
      proof,
      words: [],
      ranked: [...ranked.filter((r) => r.id === id), ...ranked.filter((r) => r.id !== id)],
    };
    if (proof.isKnown) return state;
    first ??= state;
  }
  const reordered = await findReordered(subject, ranked);
  if (reordered?.proof.isKnown) return reordered;
  const last: SearchState = first ?? {
    subject,
    ranked,
    words: [],
    proof: { isKnown: false, by: 'none', zOfCopy: 0, notes: [] },
  };
  return { ...last, proof: { ...last.proof, notes: [...last.proof.notes, ...(reordered?.proof.notes ?? [])] } };
}

function bestOfRuns(archive: Archive, ranked: readonly Ranked[]): readonly Ranked[] {
  const seen = new Set<string>();
  return ranked.filter(({ id }) => {
    const run = archive.member(id).trajectory ?? id;
    if (seen.has(run)) return false;
    seen.add(run);
    return true;
  });
}

async function proofFor(subject: Case, id: ManifestId, compared: number): Promise<Proof> {
  const { frame, archive, query } = subject;
  const candidate = await frame.candidate(id);
  const inSpace = archive.spaces().get(archive.member(id).summary.space)?.length ?? 0;
  const names = [...candidate.sample.keys()];
  return proveKinship({
    frame,
    candidate,
    comparisons: Math.max(inSpace, compared),
    roundings: roundings(subject.facts, frame.sample, COMPUTED_AGAIN),
    masks: compareOn(frame.sample, names, hasManyZeros(query)).masks,
  });
}

/** A tenth of the weights are zero: a pruned file is compared where it is not. */
function hasManyZeros({ summary }: Query): boolean {
  const zeros = summary.tensors.reduce((sum, tensor) => sum + tensor.statistics.zeroCount, 0);
  return zeros > 0.1 * summary.parameters;
}
