import { sketchCosine, sketchDistance } from '../sketch/sketch-distance.ts';
import { SKETCH_LENGTH } from '../sketch/summary.ts';
import type { Member } from './model.ts';
import { describeSteps, type StepGeometry } from './trajectory-geometry.ts';

/**
 * What is unusual about a step, by the run's own recent past. `shift`: the objective changed (data, domain, labels); `faster`, `slower`: the
 * steps changed as a learning rate does, in the old direction; `overwritten`: other weights took the run's place; `restarted`: training
 * went back to an earlier checkpoint; `diverged`: values overflow or explode; `unchanged`: nothing moved.
 */
export type MonitorFlag = 'shift' | 'faster' | 'slower' | 'overwritten' | 'restarted' | 'diverged' | 'unchanged';

export interface MonitoredStep extends StepGeometry {
  readonly flags: readonly MonitorFlag[];
}

/** Steps that are the recent past, and how many of them are needed before anything is called unusual. */
const RECENT = 6;
const FEWEST_RECENT = 3;
/** Ratio of the median absolute deviation of a Gaussian to its standard deviation, inverted. */
const MAD_TO_DEVIATION = 1.4826;
/** From a handful of steps a deviation is known badly: it is taken for no less than this, in log length and in cosine. */
const LEAST_DEVIATION = { growth: 0.25, alignment: 0.1 };
/** Deviations that make a step unusual: with the floors above, a factor e in length, or .4 in cosine, on top of the run's own trend. */
const UNUSUAL = 4;
/** Steps whose cosine with the one before is usually lower have no direction to lose. */
const LEAST_ALIGNMENT = 0.3;
/** Deviations of direction without which a longer step is a higher rate. */
const TURNED = 2;
/** Growth of the norm over the recent past at which a run has exploded. */
const EXPLODED = 3;
/** Cosine below which sketches of unrelated weights lie, to four standard deviations. */
const UNRELATED = 4 / Math.sqrt(SKETCH_LENGTH);
/** Cosine of a run's own consecutive checkpoints from which a fall to nothing is no accident. */
const RELATED = 0.5;

interface Usual {
  readonly centre: number;
  readonly deviation: number;
}

/** The step as the detectors see it: length as a logarithm, and the cosine with the step before. */
interface Motion {
  readonly logLength: number;
  readonly alignment: number | null;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function usualOf(values: readonly number[], least: number): Usual | undefined {
  if (values.length < FEWEST_RECENT) return undefined;
  const centre = medianOf(values);
  const deviation = MAD_TO_DEVIATION * medianOf(values.map((value) => Math.abs(value - centre)));
  return { centre, deviation: Math.max(deviation, least) };
}

function toMotions(steps: readonly StepGeometry[]): readonly (Motion | undefined)[] {
  return steps.map(({ stepLength, turn }) => {
    if (stepLength === null || stepLength === 0) return undefined;
    return { logLength: Math.log(stepLength), alignment: turn === null ? null : Math.cos(turn) };
  });
}

/** How much longer than its recent past each step is, as a logarithm. */
function growthOf(motions: readonly Motion[], i: number): number | undefined {
  const before = motions.slice(Math.max(0, i - RECENT), i).map(({ logLength }) => logLength);
  return before.length < FEWEST_RECENT ? undefined : (motions[i]?.logLength ?? 0) - medianOf(before.slice(-4));
}

/** A step beside the run's recent past, in deviations. */
interface Weighed {
  /** Longer than usual; negative for a shorter one. */
  readonly longer: number;
  /** Turned away from the old direction; 0 where the run's steps have none. */
  readonly turned: number;
  readonly hasDirection: boolean;
}

/** Weighs the last of these motions; undefined where too few are before it. */
function weighMotion(motions: readonly Motion[]): Weighed | undefined {
  const last = motions.length - 1;
  const growth = growthOf(motions, last);
  if (growth === undefined) return undefined;
  const growths = motions.flatMap((_, i) => (i < last ? (growthOf(motions, i) ?? []) : []));
  const recent = motions.slice(Math.max(0, last - RECENT), last);
  const usualGrowth = usualOf(growths.slice(-RECENT), LEAST_DEVIATION.growth) ?? { centre: 0, deviation: 0.5 };
  const usual = usualOf(
    recent.flatMap(({ alignment }) => alignment ?? []),
    LEAST_DEVIATION.alignment,
  );
  const longer = (growth - usualGrowth.centre) / usualGrowth.deviation;
  const alignment = motions[last]?.alignment ?? null;
  if (usual === undefined || alignment === null) return { longer: Math.min(longer, 0), turned: 0, hasDirection: false };
  const hasDirection = usual.centre >= LEAST_ALIGNMENT;
  return { longer, turned: hasDirection ? (usual.centre - alignment) / usual.deviation : 0, hasDirection };
}

/** Flags one step against the steps before it; `motions` ends with it. */
function judgeMotion(motions: readonly Motion[]): readonly MonitorFlag[] {
  const weighed = weighMotion(motions);
  return weighed === undefined ? [] : nameChange(weighed);
}

/** A change of objective turns the path; a change of rate only stretches it. Where steps have no direction, length must tell. */
function nameChange(weighed: Weighed): readonly MonitorFlag[] {
  const { longer, turned, hasDirection } = weighed;
  if (longer <= -UNUSUAL) return ['slower'];
  if (strengthOf(weighed) < UNUSUAL) return [];
  if (longer < -TURNED) return ['slower'];
  return hasDirection && turned < TURNED ? ['faster'] : ['shift'];
}

const strengthOf = ({ longer, turned }: Weighed): number => Math.hypot(Math.max(longer, 0), Math.max(turned, 0));

/**
 * How much the last step of a run looks like a change of objective: from 1 on it is called one, unless it is shorter than usual. A number, so that its
 * threshold can be judged.
 */
export function shiftScore(members: readonly Member[]): number | undefined {
  const weighed = weighMotion(toMotions(describeSteps(members)).flatMap((motion) => motion ?? []));
  if (weighed === undefined) return undefined;
  const strength = strengthOf(weighed) / UNUSUAL;
  return weighed.hasDirection ? Math.min(strength, weighed.turned / TURNED) : strength;
}

function countNonFinite({ summary }: Member): number {
  return summary.tensors.reduce((sum, { statistics }) => sum + statistics.nanCount + statistics.infinityCount, 0);
}

function hasDiverged(members: readonly Member[], i: number): boolean {
  const member = members[i];
  if (member === undefined) return false;
  const before = members[i - 1];
  if (countNonFinite(member) > (before === undefined ? 0 : countNonFinite(before))) return true;
  const norms = members.slice(Math.max(0, i - RECENT), i).map(({ summary }) => summary.norm);
  return norms.length >= FEWEST_RECENT && member.summary.norm > EXPLODED * medianOf(norms);
}

const cosineOf = (a: Member | undefined, b: Member | undefined): number =>
  a === undefined || b === undefined ? 0 : sketchCosine(a.summary.centred, b.summary.centred);

/** True when nothing of the checkpoint before is left although the run's checkpoints were alike until then. */
function isOverwritten(members: readonly Member[], i: number): boolean {
  if (i < 2 || Math.abs(cosineOf(members[i - 1], members[i])) >= UNRELATED) return false;
  return cosineOf(members[i - 2], members[i - 1]) >= RELATED;
}

/** True when the checkpoint lies within a step of one that the run had left by more than two. */
function isRestarted(members: readonly Member[], steps: readonly StepGeometry[], i: number): boolean {
  const sketchAt = (k: number) => members[k]?.summary.sketch ?? new Float32Array(0);
  const jump = steps[i]?.stepLength ?? 0;
  for (let k = 0; k + 2 < i; k++) {
    const step = Math.max(steps[k]?.stepLength ?? 0, steps[k + 1]?.stepLength ?? 0);
    const back = sketchDistance(sketchAt(k), sketchAt(i));
    if (back <= step && jump > 2 * step && jump > 2 * back) return true;
  }
  return false;
}

function flagStep(
  members: readonly Member[],
  steps: readonly StepGeometry[],
  past: readonly Motion[],
  i: number,
): readonly MonitorFlag[] {
  if (i === 0) return members.slice(0, 1).some((first) => countNonFinite(first) > 0) ? ['diverged'] : [];
  if (hasDiverged(members, i)) return ['diverged'];
  if (past.length === 0) return ['unchanged'];
  if (isRestarted(members, steps, i)) return ['restarted'];
  if (isOverwritten(members, i)) return ['overwritten'];
  return judgeMotion(past);
}

/**
 * Watches a run: the geometry of its steps, and what is unusual about each by the run's own recent past, from the first checkpoint after it
 * happens. The first few steps of a run, and
 * after a change, have no past, and get no flag that needs one.
 *
 * @param members in the order of training; the answer has one entry for each.
 */
export function monitorTrajectory(members: readonly Member[]): readonly MonitoredStep[] {
  const steps = describeSteps(members);
  const motions = toMotions(steps);
  let since = 0;
  return steps.map((step, i) => {
    const past = motions[i] === undefined ? [] : motions.slice(since, i + 1).flatMap((motion) => motion ?? []);
    const flags = flagStep(members, steps, past, i);
    // What went before a change is no measure for what comes after it.
    if (flags.length > 0 && !flags.includes('unchanged')) since = i + 1;
    return { ...step, flags };
  });
}
