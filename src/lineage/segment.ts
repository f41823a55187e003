import { addScaled, dot, squaredDistance, type Vector } from './comparison.ts';

/** Where a checkpoint lies along the step from one checkpoint of a run to the next. */
export interface SegmentFit {
  /** Index of the segment's start in the run. */
  readonly index: number;
  /** Projection on the segment: 0 its start, 1 its end; not clipped. */
  readonly along: number;
  /** Squared distance to the nearest point of the segment. */
  readonly residual: number;
  readonly squaredLength: number;
  readonly toStart: number;
  readonly toEnd: number;
}

/** Projects a vector on a segment. */
export function fitSegment(index: number, start: Vector, end: Vector, query: Vector): SegmentFit {
  const squaredLength = squaredDistance(start, end);
  const toStart = squaredDistance(query, start);
  const toEnd = squaredDistance(query, end);
  // From distances alone: (q - a).(b - a) = (|q - a|^2 + |b - a|^2 - |q - b|^2) / 2.
  const along = squaredLength > 0 ? (toStart + squaredLength - toEnd) / (2 * squaredLength) : 0;
  const clipped = Math.min(1, Math.max(0, along));
  const residual = Math.max(0, toStart - (2 * along * clipped - clipped * clipped) * squaredLength);
  return { index, along, residual, squaredLength, toStart, toEnd };
}

/** In the lune of both ends: nearer to each than they are to one another. */
export function isInLune(fit: SegmentFit): boolean {
  return fit.toStart < fit.squaredLength && fit.toEnd < fit.squaredLength;
}

/** What is left of q perpendicular to the segment. */
export function perpendicular(start: Vector, end: Vector, query: Vector): Vector {
  const step = addScaled(end, -1, start);
  const offset = addScaled(query, -1, start);
  const squaredLength = dot(step, step);
  return squaredLength > 0 ? addScaled(offset, -dot(offset, step) / squaredLength, step) : offset;
}
