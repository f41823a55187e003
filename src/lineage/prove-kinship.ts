import { pairedNames } from '../diff/tensor-pair.ts';
import type { Weights } from '../tensors/weights.ts';
import { isExactCopy, logChanceOfCopy } from './exact-copy.ts';
import type { Candidate, Frame } from './frame.ts';
import { placedCount } from './frame.ts';
import { judgeEitherAxis } from './judge-either-axis.ts';
import { judgeKinship, type KinVerdict, LOG_ALPHA } from './judge-kinship.ts';
import { valueCount } from './sample-rows.ts';
import { findSharedValues, moduleOf, type SharedValues } from './shared-values.ts';
import type { Rounding } from './tolerance.ts';

/** Why a query is known, or that it is not. */
export interface Proof {
  readonly isKnown: boolean;
  readonly by: 'kinship' | 'shared values' | 'exact copy' | 'aligned copy' | 'none';
  /** ln of the family-wise p-value; absent where no test applies. */
  readonly logPValue?: number;
  /** What the kinship test would give a copy: its power here. */
  readonly zOfCopy: number;
  readonly notes: readonly string[];
}

/** Statistics of a copy below this cannot reach p < 1e-6: the test has no power. */
const LEAST_POWER = 6;
/** Share of the weights that shared tensors must make up when the rest says "unrelated": less may be a basis that many share. */
const LEAST_SHARED_PART = 0.5;

/** Share of the weights that the axis graph must place to be the only judge. */
const LEAST_PLACED = 0.5;
const EITHER_AXIS = 'The names do not say which axes are hidden units: every matrix was tested both ways.';
const REST_AGREES =
  'Hidden units that the names place resemble nothing as they stand; the matrices that no name places agree.';
/** So many layers are a body that was trained, not a basis in front of one. */
const LEAST_SHARED_LAYERS = 2;

/** What a proof rests on. */
export interface Comparanda {
  readonly frame: Frame;
  readonly candidate: Candidate;
  /** How many candidates this one was chosen from. */
  readonly comparisons: number;
  readonly roundings: ReadonlyMap<string, Rounding>;
  readonly masks: ReadonlyMap<string, Uint8Array>;
}

/** Asks in turn whether a candidate is kin: shared exact values, the kinship test, and an exact copy where the test has no power. */
export async function proveKinship(comparanda: Comparanda): Promise<Proof> {
  const { frame, candidate, comparisons } = comparanda;
  const query = frame.query;
  const other = await candidate.whole();
  const shared = findSharedValues(frame.sample, candidate.sample);
  const verdict = judgeKinship(query, other, frame.graph, comparisons, candidate.matching.logChoices);
  const base = { zOfCopy: verdict.zOfCopy };
  const logShared = shared.logPValue + Math.log(Math.max(comparisons, 1)) + candidate.matching.logChoices;
  if (sharesEnough(shared, logShared, comparanda, verdict, other)) {
    const logPValue = Math.min(logShared, verdict.logPValue);
    return { ...base, isKnown: true, by: 'shared values', logPValue, notes: [sharedNote(shared)] };
  }
  if (verdict.isKin) return { ...base, isKnown: true, by: 'kinship', logPValue: verdict.logPValue, notes: [] };
  const copy = copyProof(comparanda);
  if (copy !== undefined) return { ...base, isKnown: true, by: 'exact copy', logPValue: copy, notes: [] };
  const unplaced = judgeUnplaced(comparanda, other);
  if (unplaced.isKin)
    return { ...base, isKnown: true, by: 'kinship', logPValue: unplaced.logPValue, notes: [unplaced.note] };
  if (verdict.zOfCopy < LEAST_POWER && unplaced.zOfCopy >= LEAST_POWER)
    return {
      zOfCopy: unplaced.zOfCopy,
      logPValue: unplaced.logPValue,
      isKnown: false,
      by: 'none',
      notes: [unplaced.note],
    };
  const tested = verdict.zOfCopy > 0 ? { logPValue: verdict.logPValue } : {};
  return { ...base, ...tested, isKnown: false, by: 'none', notes: unknownNotes(shared, verdict) };
}

/**
 * Judges by what the axis graph does not place: all of a network of which it places little; else the rest, which may keep its order where placed
 * units lost theirs. Since what is placed then speaks against it, the rest must be most of the network.
 */
function judgeUnplaced({ frame, candidate, comparisons }: Comparanda, other: Weights) {
  const { query, graph } = frame;
  const judge = (weights: Weights) => judgeEitherAxis(weights, other, comparisons, candidate.matching.logChoices);
  if (placedShare(frame) < LEAST_PLACED) return { ...judge(query), note: EITHER_AXIS };
  const verdict = judge(new Map([...query].filter(([name]) => !graph.tensors.has(name))));
  return { ...verdict, isKin: verdict.isKin && isMostOf(verdict.agreeing, query), note: REST_AGREES };
}

/** Several layers that are most of a network, by weights or by number. */
function isMostOf(names: readonly string[], weights: Weights): boolean {
  const layers = countLayers(names, weights);
  const part = names.reduce((sum, name) => sum + (weights.get(name)?.data.length ?? 0), 0);
  if (layers <= LEAST_SHARED_LAYERS) return false;
  return (
    part >= LEAST_SHARED_PART * valueCount(weights) || layers > LEAST_SHARED_PART * countLayers(weights.keys(), weights)
  );
}

function sharedNote(shared: SharedValues): string {
  return `${shared.count} values stand at the same places in both, in ${shared.tensors.length} tensors.`;
}

function unknownNotes(shared: SharedValues, verdict: KinVerdict): string[] {
  const notes: string[] = [];
  if (verdict.zOfCopy === 0)
    notes.push('No hidden units could be told from the names: the kinship test does not apply.');
  else if (verdict.zOfCopy < LEAST_POWER) notes.push('The network is too small for the kinship test.');
  if (shared.tensors.length > 0)
    notes.push(`Shares ${shared.tensors.join(', ')} exactly, which alone may be a basis that many networks share.`);
  return notes;
}

/** Layers that share values: modules with matrices, a recurrent one for each of its matrices; without matrices, modules. */
function countLayers(names: Iterable<string>, weights: Weights): number {
  const matrices = [...names].filter((name) => (weights.get(name)?.shape.length ?? 0) > 1);
  return matrices.length;
}

/** Two layers that share values, and either they are most of the network, by weights or by layers, or what is left does not contradict. */
function sharesEnough(
  shared: SharedValues,
  logShared: number,
  { frame, candidate, comparisons }: Comparanda,
  verdict: KinVerdict,
  other: Weights,
): boolean {
  const layers = countLayers(shared.tensors, frame.sample);
  if (Math.max(layers, shared.modules.size) < 2 || logShared > LOG_ALPHA) return false;
  const part = shared.tensors.reduce((sum, name) => sum + (frame.sample.get(name)?.data.length ?? 0), 0);
  if (part >= LEAST_SHARED_PART * valueCount(frame.sample) || verdict.zOfCopy < LEAST_POWER) return true;
  if (layers > LEAST_SHARED_LAYERS && layers > LEAST_SHARED_PART * countLayers(frame.sample.keys(), frame.sample))
    return true;
  const rest = (weights: Weights): Weights =>
    new Map([...weights].filter(([name]) => !shared.modules.has(moduleOf(name))));
  const verdictOfRest = judgeKinship(
    rest(frame.query),
    rest(other),
    frame.graph,
    comparisons,
    candidate.matching.logChoices,
  );
  return verdictOfRest.logPValue < LOG_ALPHA || verdictOfRest.zOfCopy < LEAST_POWER;
}

/** ln of the chance of the agreement, when every tensor both have is a copy and chance cannot have done it. */
function copyProof({ frame, candidate, comparisons, roundings, masks }: Comparanda): number | undefined {
  const names = pairedNames(candidate.matching.pairs);
  if (names.length < frame.query.size || candidate.matching.onlyCandidate.length > 0) return undefined;
  if (!isExactCopy(frame.sample, candidate.sample, names, roundings, masks)) return undefined;
  const chance = logChanceOfCopy(frame.sample, candidate.sample, names, roundings, masks);
  const logPValue = chance + Math.log(Math.max(comparisons, 1)) + candidate.matching.logChoices;
  return logPValue < LOG_ALPHA ? logPValue : undefined;
}

function placedShare({ graph, query }: Frame): number {
  return placedCount(graph, query) / Math.max(valueCount(query), 1);
}
