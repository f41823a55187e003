import { sketchDistance } from '../sketch/sketch-distance.ts';
import type { Member } from './model.ts';

/** What one checkpoint's step from the one before it looks like; null where a trajectory is too short to say. */
export interface StepGeometry {
  /** Euclidean distance to the checkpoint before. */
  readonly stepLength: number | null;
  /** stepLength over the norm of the weights before. */
  readonly relativeStep: number | null;
  /** Angle between this step and the last one that moved, in radians. */
  readonly turn: number | null;
  /** Turn per length of the two steps' mean, times the norm of the weights: 1 is a circle round the origin. */
  readonly curvature: number | null;
  /** Euclidean distance to the first checkpoint. */
  readonly distanceFromStart: number | null;
}

/** Distances between sketches estimate those between the weights, to about 2 %; angles follow. */
export interface StepDistances {
  between(a: number, b: number): number;
  norm(a: number): number;
}

function distancesOf(members: readonly Member[]): StepDistances {
  const sketchAt = (i: number) => members[i]?.summary.sketch ?? new Float32Array(0);
  const norm = (i: number) => Math.sqrt(sketchAt(i).reduce((sum, value) => sum + value * value, 0));
  return { norm, between: (a, b) => sketchDistance(sketchAt(a), sketchAt(b)) };
}

/** The angle between the step a-b and the step b-c, from the three sides. */
function angleBetween(first: number, second: number, across: number): number | null {
  if (first === 0 || second === 0) return null;
  const cosine = (across ** 2 - first ** 2 - second ** 2) / (2 * first * second);
  return Math.acos(Math.min(1, Math.max(-1, cosine)));
}

/** True for copies: what sketches in single precision cannot tell apart. */
function isStill(length: number, norm: number): boolean {
  return length <= 1e-6 * norm;
}

function describeStep(i: number, before: number | undefined, distances: StepDistances): StepGeometry {
  const distanceFromStart = distances.between(0, i);
  if (i === 0) return { stepLength: null, relativeStep: null, turn: null, curvature: null, distanceFromStart };
  const stepLength = distances.between(i - 1, i);
  const norm = distances.norm(i - 1);
  const relativeStep = norm > 0 ? stepLength / norm : null;
  if (before === undefined || isStill(stepLength, norm)) {
    return { stepLength, relativeStep, turn: null, curvature: null, distanceFromStart };
  }
  const last = distances.between(before, i - 1);
  const turn = angleBetween(last, stepLength, distances.between(before, i));
  const curvature = turn === null ? null : (2 * turn * norm) / (last + stepLength);
  return { stepLength, relativeStep, turn, curvature, distanceFromStart };
}

/**
 * Describes the steps of a trajectory from the sketches of its checkpoints, which are linear in the weights. Copies, which do not
 * move, are passed over when a step's turn is measured.
 *
 * @param members in weight-space order; the answer has one entry for each.
 */
export function describeSteps(members: readonly Member[]): readonly StepGeometry[] {
  const distances = distancesOf(members);
  let before: number | undefined;
  return members.map((_, i) => {
    const step = describeStep(i, before, distances);
    const hasMoved = step.stepLength !== null && !isStill(step.stepLength, distances.norm(i - 1));
    if (hasMoved) before = i - 1;
    return step;
  });
}
