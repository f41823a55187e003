import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { type Habits, leastUsual } from './habits.ts';

/**
 * How often trajectories are right, whatever a single reading says of itself: logistic in what shows how hard a component is to read. Fitted by maximum
 * likelihood to what the forests of the zoos that are developed on (seeds 1 and 5) state and how much of it is right, piles of all checkpoints, every second,
 * every third and four of each run, with forks and without: 978 orders, 6,547 steps and 382 forks.
 */
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** More nats than this above what is usual say no more. */
const MOST_UNUSUAL = 10;
/** Long runs have a place this unusual by themselves. */
const USUAL = 6;
/** Checkpoints to either side of the first of a step: all places where its length or direction counts. */
const AROUND = 2;

function unusual(chain: Chain, distances: Distances, habits: Habits): number {
  return Math.min(leastUsual(chain, distances, habits), MOST_UNUSUAL);
}

/** How sure it is that a chain is in the order of time from end to end, and not of pieces that do not follow on each other. */
export function sureOfWhole(chain: Chain, distances: Distances, habits: Habits | undefined): number {
  if (chain.length < 3) return 1;
  return logistic(habits === undefined ? 2.06 : 2.86 - 0.41 * Math.max(0, unusual(chain, distances, habits) - USUAL));
}

/**
 * How sure it is that two checkpoints of a chain follow on each other: not two runs that were taken for one, nor a run that is read backwards.
 *
 * @param gap from the checkpoint of that place to the one after it.
 * @param isAlone nothing branches off in the component.
 */
export function sureOfStep(
  chain: Chain,
  gap: number,
  isAlone: boolean,
  distances: Distances,
  habits: Habits | undefined,
): number {
  const ofBranches = isAlone ? 0 : -0.76;
  if (habits === undefined) return logistic(3.85 + ofBranches);
  const around = chain.slice(Math.max(0, gap - AROUND), gap + AROUND + 1);
  return logistic(6.48 - 0.35 * unusual(around, distances, habits) + ofBranches);
}

/**
 * How sure it is that the first checkpoint of a branch comes from where its steps say; and that it is where a branch leaves, at that checkpoint or one away,
 * and not a piece of its own trunk.
 */
export function sureOfFork(habits: Habits | undefined): { readonly ofParent: number; readonly ofBranch: number } {
  return { ofParent: logistic(habits ? 4.51 : 2.45), ofBranch: logistic(habits ? 2.91 : 0.93) };
}
