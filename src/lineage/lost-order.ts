import type { ManifestId } from '../objects/ids.ts';
import { applyAlignment } from '../symmetry/align.ts';
import { areUnitsInPlace } from '../symmetry/in-place.ts';
import { testKinship } from '../symmetry/kinship.ts';
import { logFactorial } from '../symmetry/tails.ts';
import type { Weights } from '../tensors/weights.ts';
import { type Aligned, alignCandidate, isReordered, unalignedCandidate, withUnplaced } from './aligned-candidate.ts';
import { readAlterations } from './alterations.ts';
import { nearCandidates, nearestBySpread, withTrajectoryNeighbors } from './candidates.ts';
import { type Case, type Ranked, rank } from './case.ts';
import { isExactCopy, logChanceOfCopy } from './exact-copy.ts';
import { testFamily } from './family-test.ts';
import { LOG_ALPHA } from './judge-kinship.ts';
import { proposeReordered } from './propose-reordered.ts';
import type { Proof } from './prove-kinship.ts';
import type { RelationWord } from './relation.ts';
import { sampleRows, valueCount } from './sample-rows.ts';
import { COMPUTED_BY_ALIGNMENT, type Rounding, roundings } from './tolerance.ts';
import { applyUnplacedUnits, findReorderedCopy, findUnplacedUnits, listMovedTensors } from './unplaced-units.ts';

/** Other families that are aligned for comparison. */
const FAMILIES = 8;
/** Checkpoints with the most similar statistics that are asked whether they are the query with its rows and columns reordered. */
const COPIES_ASKED = 3;
/** Checkpoints above this are not aligned: an alignment compares every unit with every other; nor do they have invariants to propose candidates. */
const LARGEST_ALIGNED = 1 << 20;
const LOG_LEVEL = Math.log(0.01);
/** Statistic above which another run is of the candidate's own family. */
const SAME_FAMILY_Z = 6;

/** A search among permuted and rescaled copies, proved or not. */
export interface Reordered {
  readonly proof: Proof;
  /** The case with the candidates' units in the query's order. */
  readonly subject: Case;
  readonly ranked: readonly Ranked[];
  readonly words: readonly RelationWord[];
}

/** Looks for a stored checkpoint of which the query is a copy with its hidden units reordered, flipped or rescaled. */
export async function findReordered(subject: Case, likely: readonly Ranked[]): Promise<Reordered | undefined> {
  const { frame } = subject;
  const copy = await findUnplacedCopy(subject);
  if (copy || !canAlign(frame)) return copy;
  let best: Aligned | undefined;
  for (const id of proposeReordered(subject, likely)) {
    const aligned = alignCandidate(frame.query, id, await wholeOf(subject, id), frame.graph);
    if (!best || aligned.misfit < best.misfit) best = aligned;
  }
  if (!best) return undefined;
  best = completed(subject, best);
  const proof = await proveReordered(subject, best);
  return proof.isKnown ? reorderFamily(subject, best, proof) : { proof, subject, ranked: likely, words: [] };
}

/** Invariants name the family, and not always the nearest of it: whoever fits better in the order that was found is aligned in turn. */
async function reorderFamily(subject: Case, first: Aligned, proof: Proof): Promise<Reordered> {
  const { frame } = subject;
  let aligned = first;
  let found = await reorder(subject, aligned, proof);
  for (;;) {
    const nearest = found.ranked[0];
    if (!nearest || nearest.id === aligned.id) return found;
    const next = alignCandidate(frame.query, nearest.id, await wholeOf(subject, nearest.id), frame.graph);
    const whole = completed(subject, next);
    if (!(whole.misfit < aligned.misfit)) return found;
    aligned = whole;
    const exact = logChanceOfAlignedCopy(subject, aligned);
    found = await reorder(subject, aligned, exact < (proof.logPValue ?? 0) ? { ...proof, logPValue: exact } : proof);
  }
}

/** Asks of a known query whether some of its units were reordered, flipped or rescaled after all. */
export async function findPartlyReordered(
  subject: Case,
  ranked: readonly Ranked[],
  proof: Proof,
): Promise<Reordered | undefined> {
  const { frame } = subject;
  const best = ranked[0];
  if (!best) return undefined;
  const candidate = await wholeOf(subject, best.id);
  const inPlace = !canAlign(frame) || areUnitsInPlace(frame.query, candidate, frame.graph);
  if (inPlace && !hasMovedMatrix(frame.query, candidate)) return undefined;
  const aligned = inPlace
    ? unalignedCandidate(frame.query, best.id, candidate)
    : alignCandidate(frame.query, best.id, candidate, frame.graph);
  const whole = completed(
    subject,
    isReordered(frame.query, candidate, aligned) ? aligned : unalignedCandidate(frame.query, best.id, candidate),
  );
  return whole.moved > 0 || whole.isRescaled ? reorder(subject, whole, proof) : undefined;
}

/** Where units were reordered, rows of matrices moved; single values of vectors change by as much when they are trained. */
function hasMovedMatrix(query: Weights, candidate: Weights): boolean {
  const matrices = new Map([...query].filter(([, { shape }]) => shape.length > 1));
  return listMovedTensors(matrices, candidate).length > 0;
}

/** Whether units are placed that could be aligned, and few enough of them. */
function canAlign({ graph, query }: Case['frame']): boolean {
  return graph.tensors.size > 0 && valueCount(query) <= LARGEST_ALIGNED;
}

/** Adds what the values show of units that the graph does not place. */
function completed(subject: Case, aligned: Aligned): Aligned {
  const { query } = subject.frame;
  const moved = listMovedTensors(query, aligned.weights);
  if (moved.length === 0) return aligned;
  const [rules, masks] = [wholeRoundings(subject), supportOf(query)];
  return withUnplaced(query, aligned, findUnplacedUnits(query, aligned.weights, moved, rules, masks));
}

/** Looks for a stored checkpoint of which every tensor is a copy, its rows and columns reordered, whatever the graph places. */
async function findUnplacedCopy(subject: Case): Promise<Reordered | undefined> {
  const { query } = subject.frame;
  const [rules, masks] = [wholeRoundings(subject), supportOf(query)];
  for (const id of nearestBySpread(subject.query.summary, subject.archive, COPIES_ASKED)) {
    const candidate = await wholeOf(subject, id);
    const unplaced = query.size === candidate.size ? findReorderedCopy(query, candidate, rules, masks) : undefined;
    if (!unplaced || unplaced.matches.size === 0) continue;
    const best = withUnplaced(query, unalignedCandidate(query, id, candidate), unplaced);
    const logPValue = logChanceOfAlignedCopy(subject, best);
    if (logPValue >= LOG_ALPHA) continue;
    return reorder(subject, best, { isKnown: true, by: 'aligned copy', logPValue, zOfCopy: 0, notes: [] });
  }
  return undefined;
}

/** Rounding rules of the whole query; the case's own are those of its sample. */
function wholeRoundings({ facts, frame }: Case): ReadonlyMap<string, Rounding> {
  const whole = frame.query === frame.sample ? facts : readAlterations(frame.query);
  return roundings(whole, frame.query, COMPUTED_BY_ALIGNMENT);
}

async function wholeOf(subject: Case, id: ManifestId): Promise<Weights> {
  return (await subject.frame.candidate(id)).whole();
}

/** An aligned copy that is exact is proof; otherwise the similarity is compared with rotated candidates and with other families. */
async function proveReordered(subject: Case, best: Aligned): Promise<Proof> {
  const { frame } = subject;
  const candidate = await wholeOf(subject, best.id);
  const zOfCopy = testKinship(candidate, candidate, frame.graph).z;
  const exact = logChanceOfAlignedCopy(subject, best);
  if (exact < LOG_ALPHA) return { isKnown: true, by: 'aligned copy', logPValue: exact, zOfCopy, notes: [] };
  const others = () => otherFamilies(subject, best.id, candidate);
  const test = await testFamily(frame.query, candidate, frame.graph, others);
  const { isNearCopy } = test;
  if (isNearCopy && test.logPValue !== undefined && test.logPValue < LOG_LEVEL) {
    return { isKnown: true, by: 'aligned copy', logPValue: test.logPValue, zOfCopy, notes: [] };
  }
  const note =
    'Possibly a reordered relative of a stored checkpoint: there are too few other families to tell it from a stranger.';
  const isOpen = isNearCopy && test.logPValue === undefined;
  return { isKnown: false, by: 'none', zOfCopy, notes: isOpen ? [note] : [] };
}

/** ln of the chance that some alignment makes a stranger agree as well: every order and every sign of the units counts as a try. */
function logChanceOfAlignedCopy(subject: Case, { weights, alignment, unplaced }: Aligned): number {
  const { query } = subject.frame;
  const names = [...query.keys()];
  const rules = wholeRoundings(subject);
  const masks = supportOf(query);
  if (query.size !== weights.size || !isExactCopy(query, weights, names, rules, masks)) return 0;
  let tries = unplaced?.logChoices ?? 0;
  for (const units of alignment.units.values()) tries += logFactorial(units.length) + units.length * Math.LN2;
  return logChanceOfCopy(query, weights, names, rules, masks) + tries + Math.log(subject.archive.members.length + 1);
}

/** Where the query is not zero: a pruned copy is compared on what is left of it. Tensors without zeros are compared everywhere. */
function supportOf(query: Weights): Map<string, Uint8Array> {
  const masks = new Map<string, Uint8Array>();
  for (const [name, { data }] of query) if (data.includes(0)) masks.set(name, markNonZero(data));
  return masks;
}

function markNonZero(data: Float32Array): Uint8Array {
  const marks = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) marks[i] = 1;
  return marks;
}

/** One checkpoint of each run that is not kin to the candidate, at most FAMILIES of them, spread over the archive. */
async function otherFamilies(subject: Case, id: ManifestId, candidate: Weights) {
  const { archive, frame } = subject;
  const runs = new Map<string, ManifestId[]>();
  for (const member of archive.spaces().get(archive.member(id).summary.space) ?? []) {
    if (member.summary === subject.query.summary) continue;
    const run = member.trajectory ?? member.id;
    const known = runs.get(run) ?? [];
    runs.set(run, known);
    known.push(member.id);
  }
  runs.delete(archive.member(id).trajectory ?? id);
  const middles = [...runs.values()].flatMap((ids) => ids[ids.length >> 1] ?? []);
  const step = Math.max(1, Math.floor(middles.length / (2 * FAMILIES)));
  const weights: Weights[] = [];
  for (let i = 0; i < middles.length && weights.length < FAMILIES; i += step) {
    const middle = middles[i];
    const other = middle && (await wholeOf(subject, middle));
    if (other && testKinship(candidate, other, frame.graph).z < SAME_FAMILY_Z) weights.push(other);
  }
  return { weights, count: middles.length };
}

/** The case with all candidates in the query's unit order. The order is that of the whole family: every member gets the same alignment. */
async function reorder(subject: Case, best: Aligned, proof: Proof): Promise<Reordered> {
  const cache = new Map<ManifestId, Promise<Weights>>();
  const load = async (id: ManifestId) => {
    const aligned = applyAlignment(await wholeOf(subject, id), subject.frame.graph, best.alignment);
    const ordered = best.unplaced ? applyUnplacedUnits(aligned, best.unplaced) : aligned;
    return sampleRows(ordered, valueCount(subject.frame.query));
  };
  const reordered: Case = {
    ...subject,
    weightsOf(id) {
      const weights = cache.get(id) ?? load(id);
      cache.set(id, weights);
      return weights;
    },
  };
  const ranked = await rankFamily(reordered, best.id);
  const words: RelationWord[] = [];
  if (best.moved > 0) words.push('permuted');
  if (best.isRescaled) words.push('rescaled');
  return { proof, subject: reordered, ranked, words };
}

/** Ranks what lies near a candidate, on its run and on others: a fork and its trunk have one order of units. */
async function rankFamily(subject: Case, id: ManifestId): Promise<readonly Ranked[]> {
  const { archive } = subject;
  const { summary } = archive.member(id);
  const near = nearCandidates(summary, archive).filter(
    (other) => archive.member(other).summary.space === summary.space,
  );
  const first = await rank(subject, [...new Set([id, ...near])]);
  const best = first.slice(0, 2).map((ranked) => ranked.id);
  const around = withTrajectoryNeighbors([id, ...best], archive);
  return rank(subject, [...new Set([...first.map((ranked) => ranked.id), ...around])]);
}
