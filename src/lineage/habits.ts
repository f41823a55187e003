import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { turnAt } from './forks.ts';

/** Ratio of the median absolute deviation of a Gaussian to its standard deviation, inverted. */
const MAD_TO_DEVIATION = 1.4826;
/** Fewer steps have no habits. */
const FEWEST_STEPS = 8;
/** Deviations below this are not told apart: what the sketch's error does to a turn, or to the logarithm of a ratio. */
const LEAST_DEVIATION = 0.05;

interface Habit {
  readonly centre: number;
  readonly deviation: number;
}

/** How the chains of a component usually go on from one step to the next. */
export interface Habits {
  readonly turn: Habit;
  /** Natural logarithm of a step's length over that of the step before. */
  readonly growth: Habit;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function habitOf(values: readonly number[]): Habit {
  const centre = medianOf(values);
  const deviation = MAD_TO_DEVIATION * medianOf(values.map((value) => Math.abs(value - centre)));
  return { centre, deviation: Math.max(deviation, LEAST_DEVIATION) };
}

function growthAt(before: number, at: number, after: number, distances: Distances): number {
  return Math.log((distances.length(at, after) + Number.MIN_VALUE) / (distances.length(before, at) + Number.MIN_VALUE));
}

/** Reads the habits of all steps inside chains, robustly; undefined when there are too few. */
export function readHabits(chains: readonly Chain[], distances: Distances): Habits | undefined {
  const turns: number[] = [];
  const growths: number[] = [];
  for (const chain of chains) {
    chain.slice(2).forEach((after, i) => {
      const [before, at] = [chain[i] ?? 0, chain[i + 1] ?? 0];
      turns.push(turnAt(before, at, after, distances));
      growths.push(growthAt(before, at, after, distances));
    });
  }
  return turns.length < FEWEST_STEPS ? undefined : { turn: habitOf(turns), growth: habitOf(growths) };
}

/** How unusual it is to go on from `at` to `after`: squared deviations of turn and growth. */
function surpriseAt(before: number, at: number, after: number, distances: Distances, habits: Habits): number {
  const square = (value: number, { centre, deviation }: Habit) => ((value - centre) / deviation) ** 2;
  const turn = square(turnAt(before, at, after, distances), habits.turn);
  return turn + square(growthAt(before, at, after, distances), habits.growth);
}

/** How unusual the steps of these paths are, taken together: the mean over all places where one goes on. */
export function surpriseOf(paths: readonly Chain[], distances: Distances, habits: Habits): number {
  let sum = 0;
  let places = 0;
  for (const path of paths) {
    for (let i = 1; i + 1 < path.length; i++) {
      sum += surpriseAt(path[i - 1] ?? 0, path[i] ?? 0, path[i + 1] ?? 0, distances, habits);
      places++;
    }
  }
  return places === 0 ? 0 : sum / places;
}
