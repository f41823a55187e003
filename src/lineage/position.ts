import { squaredDistance, type Vector } from './comparison.ts';

/** A stored checkpoint of a run: its position in it, and its compared weights. */
export interface Station {
  readonly position: number;
  readonly vector: Vector;
}

/** The stations round the segment that a checkpoint lies on: one before and one after where the run has them. */
export interface Surroundings {
  readonly before?: Station;
  readonly start: Station;
  readonly end: Station;
  readonly after?: Station;
}

/**
 * Position on a run from the projection on one of its segments, corrected for the run's changing speed: log-linear between the intervals left
 * and right; at an end of the run a power of the time since its beginning (lineage.md, A2 step 11: error .012 instead of .057 of an interval).
 */
export function positionOn(around: Surroundings, along: number): number {
  const t = Math.min(1, Math.max(0, along));
  const { before, start, end, after } = around;
  if (before && after) return logLinear(start, end, t, logSpeed(before, start), logSpeed(end, after));
  if (after) return powerLaw(start, end, t, logSpeed(start, end), logSpeed(end, after));
  if (before) return powerLaw(start, end, t, logSpeed(before, start), logSpeed(start, end));
  return start.position + t * (end.position - start.position);
}

interface Speed {
  readonly log: number;
  /** Middle of the interval it was measured over. */
  readonly at: number;
}

function logSpeed(a: Station, b: Station): Speed {
  const length = Math.sqrt(squaredDistance(a.vector, b.vector));
  const time = Math.max(b.position - a.position, 1e-9);
  return { log: Math.log(Math.max(length / time, 1e-30)), at: (a.position + b.position) / 2 };
}

function logLinear(start: Station, end: Station, t: number, left: Speed, right: Speed): number {
  const growth = (right.log - left.log) / (right.at - left.at);
  const time = end.position - start.position;
  if (Math.abs(growth * time) < 1e-4) return start.position + t * time;
  return start.position + Math.log(Math.max(1 + t * (Math.exp(growth * time) - 1), 1e-9)) / growth;
}

/** Speed proportional to (position + 1/2)^k; k is held within 3 either way, where a run of two intervals cannot say. */
function powerLaw(start: Station, end: Station, t: number, first: Speed, second: Speed): number {
  const [a, b] = [start.position + 0.5, end.position + 0.5];
  const [u, v] = [first.at + 0.5, second.at + 0.5];
  if (!(a > 0 && u > 0 && v > u)) return start.position + t * (end.position - start.position);
  const power = 1 + Math.min(3, Math.max(-3, (second.log - first.log) / Math.log(v / u)));
  const position =
    Math.abs(power) < 1e-3 ? a * (b / a) ** t : (a ** power + t * (b ** power - a ** power)) ** (1 / power);
  return position - 0.5;
}
