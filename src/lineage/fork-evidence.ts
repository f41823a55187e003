import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { BRANCH_START, chooseExtension } from './forks.ts';
import { frameSteps, type StepFrame, type StepShares, shareSteps } from './step-shares.ts';

/** Candidates to each side of the nearest one that a fork point is sought among. */
const REACH = 4;

/** What shares of steps look like before and after a fork point, as Gaussians. */
interface ShareModel {
  /** Part of what the path does not explain that falls on its steps by chance. */
  readonly noise: number;
  /** Deviation from 1 of a step in the branch's past, and what the last such step has more: branches undo recent progress first. */
  readonly inside: number;
  readonly undone: number;
  /** Deviation by which a long way that the path does not explain overruns a short step in the branch's past, in their ratio. */
  readonly overrun: number;
  /** The first step after the fork, and later ones: a branch goes on with the drift of its trunk to some degree. */
  readonly first: { readonly mean: number; readonly deviation: number };
  readonly later: { readonly mean: number; readonly deviation: number };
  /** Weight of this evidence; below what independent shares would have. */
  readonly weight: number;
}

/**
 * Fitted by maximum likelihood of the right answer to 624 forks and 807 places inside runs of nine sets of zoos that were developed on (CNN, MLP,
 * batch norm, attention, residual, LSTM; Adam, AdamW, SGD, momentum, warm restarts; all checkpoints and every third), with the true
 * path given. The weights are divided by 1.2, the temperature that a fit to one half of the sets needed on the other half.
 */
const OF_FIRST: ShareModel = {
  noise: 0.056,
  inside: 0.125,
  undone: 0.031,
  overrun: 0.11,
  first: { mean: 0.53, deviation: 0.082 },
  later: { mean: 0.4, deviation: 0.091 },
  weight: 0.85,
};
/** The same for the branch extended one step backwards, which should meet the fork point. */
const OF_EXTENSION: ShareModel = {
  noise: 0.028,
  inside: 0.26,
  undone: 0.026,
  overrun: 0.046,
  first: { mean: 0.27, deviation: 0.214 },
  later: { mean: -0.21, deviation: 0.082 },
  weight: 1.4,
};
/** Chance that the model is wrong about a fork it is sure of, by one checkpoint to either side. */
const SLIP = 0.02;

/** A checkpoint that a branch may come from, and how probable that is among those of its path. */
export interface ForkOption {
  readonly candidate: number;
  /** Its place among the candidates, in the order of time. */
  readonly place: number;
  readonly probability: number;
}

/** How probable it is that the fork point is the best option or one beside it on the path. */
export function probabilityWithinOne(options: readonly ForkOption[]): number {
  const best = options[0]?.place ?? 0;
  const near = options.filter(({ place }) => Math.abs(place - best) <= 1);
  return Math.min(
    1,
    near.reduce((sum, { probability }) => sum + probability, 0),
  );
}

/** Mean and deviation of every share when the branch leaves after `steps` of them. */
function expect(model: ShareModel, step: number, steps: number): { readonly mean: number; readonly deviation: number } {
  if (step > steps) return model.later;
  if (step === steps) return model.first;
  return { mean: 1, deviation: model.inside + model.undone * Math.exp(step - steps + 1) };
}

/** Log density of a Gaussian with this covariance, by Cholesky; up to a constant. */
function logGaussian(offsets: Float64Array, covariance: Float64Array): number {
  const size = offsets.length;
  const lower = new Float64Array(size * size);
  const solved = new Float64Array(size);
  let log = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = covariance[i * size + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (lower[i * size + k] ?? 0) * (lower[j * size + k] ?? 0);
      lower[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-30)) : sum / (lower[j * size + j] ?? 1);
    }
    let rest = offsets[i] ?? 0;
    for (let k = 0; k < i; k++) rest -= (lower[i * size + k] ?? 0) * (solved[k] ?? 0);
    const pivot = lower[i * size + i] ?? 1;
    solved[i] = rest / pivot;
    log -= (solved[i] ?? 0) ** 2 / 2 + Math.log(pivot);
  }
  return log;
}

function logEvidence(model: ShareModel, found: StepShares, frame: StepFrame, steps: number): number {
  const size = found.shares.length;
  const covariance = frame.inverse.map((value) => model.noise * found.residual * value);
  const offsets = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const { mean, deviation } = expect(model, i, steps);
    const overrun = i < steps ? (model.overrun ** 2 * found.residual) / (frame.squaredSteps[i] ?? 1) : 0;
    offsets[i] = (found.shares[i] ?? 0) - mean;
    covariance[i * size + i] = (covariance[i * size + i] ?? 0) + deviation ** 2 + overrun;
  }
  return model.weight * logGaussian(offsets, covariance);
}

function toProbabilities(logs: readonly number[]): readonly number[] {
  const most = Math.max(...logs);
  const raw = logs.map((log) => Math.exp(log - most));
  const sum = raw.reduce((total, value) => total + value, 0);
  const sure = raw.map((value) => value / sum);
  const slipped = sure.map((p, i) => (1 - SLIP) * p + (SLIP / 2) * ((sure[i - 1] ?? p) + (sure[i + 1] ?? p)));
  return slipped;
}

/** Place of the checkpoint of a path that is nearest to a branch's head. */
function nearestPlace(head: number, path: Chain, { squared }: Distances): number {
  let nearest = 0;
  path.forEach((node, i) => {
    if (squared(head, node) < squared(head, path[nearest] ?? 0)) nearest = i;
  });
  return nearest;
}

/**
 * The checkpoint nearest to a branch's head is its fork point or beside it, nearly always. Where the shares say something else, a branch has gone far
 * at once, and both are estimates that were never measured there: neither is believed more than the other.
 */
function doubtFarFromNearest(probabilities: readonly number[], nearest: number): readonly number[] {
  const best = probabilities.indexOf(Math.max(...probabilities));
  if (Math.abs(best - nearest) <= 1) return probabilities;
  const byDistance = (place: number): number =>
    place === nearest ? 1 / 2 : Math.abs(place - nearest) === 1 ? 1 / 4 : 0;
  return probabilities.map((probability, place) => (probability + byDistance(place)) / 2);
}

/** The part of a path that a fork point is sought on: round the checkpoint nearest to the branch's head. */
export function windowRound(head: number, path: Chain, distances: Distances): Chain {
  const nearest = nearestPlace(head, path, distances);
  return path.slice(Math.max(0, nearest - REACH), nearest + REACH + 1);
}

/**
 * Weighs from which checkpoint of a path a branch leaves; the most probable first.
 *
 * Every step of training has noise of its own. A checkpoint holds the steps in its past whole, and of those that it has not
 * taken only what all training on that data has in common. The shares of the path's steps in the branch's first checkpoint, and in
 * the branch extended one step backwards, therefore fall at the fork point.
 *
 * @param window part of its trunk's path, in the order of time.
 */
export function weighFork(branch: Chain, window: Chain, distances: Distances): readonly ForkOption[] {
  const frame = window.length < 2 ? undefined : frameSteps(window, distances);
  if (frame === undefined) {
    return window.map((candidate, place) => ({ candidate, place, probability: 1 / window.length }));
  }
  const start = branch.slice(0, BRANCH_START);
  const first = shareSteps(frame, start, [1], distances);
  const extended = shareSteps(frame, start, chooseExtension(start, distances.squared), distances);
  const logs = window.map(
    (_, steps) => logEvidence(OF_FIRST, first, frame, steps) + logEvidence(OF_EXTENSION, extended, frame, steps),
  );
  const nearest = nearestPlace(branch[0] ?? -1, window, distances);
  const probabilities = doubtFarFromNearest(toProbabilities(logs), nearest);
  return window
    .map((candidate, place) => ({ candidate, place, probability: probabilities[place] ?? 0 }))
    .sort((a, b) => b.probability - a.probability || a.candidate - b.candidate);
}
