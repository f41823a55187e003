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

/** Freedom of Student's t: of the tails that medians do not see; and the peak of its density, 2 / (pi sqrt 3). */
const FREEDOM = 3;
const PEAK = 2 / (Math.PI * Math.sqrt(3));
/** Natural logarithms between which a first step may be shorter or longer than those before it: a factor 20 each way. */
const GROWTHS = 6;

/** Nats of a first step, which follows no habit: any turn, and any growth within reason, are as likely. */
export const FREE_STEP = Math.log(GROWTHS);

/** Negative log density of going on from `at` to `after`, in nats: turn and growth by Student's t round the habits. */
export function natsAt(before: number, at: number, after: number, distances: Distances, habits: Habits): number {
  const nats = (value: number, { centre, deviation }: Habit) =>
    Math.log(deviation / PEAK) + ((FREEDOM + 1) / 2) * Math.log(1 + ((value - centre) / deviation) ** 2 / FREEDOM);
  const turn = nats(turnAt(before, at, after, distances), habits.turn);
  return turn + nats(growthAt(before, at, after, distances), habits.growth);
}

/** The least usual place of a path: nats above what is most usual; 0 where it does not go on. */
export function leastUsual(path: Chain, distances: Distances, habits: Habits): number {
  const usual = Math.log(habits.turn.deviation / PEAK) + Math.log(habits.growth.deviation / PEAK);
  let most = 0;
  for (let i = 2; i < path.length; i++) {
    most = Math.max(most, natsAt(path[i - 2] ?? 0, path[i - 1] ?? 0, path[i] ?? 0, distances, habits) - usual);
  }
  return most;
}

/** Nats of all places of a path where it goes on. */
export function natsOf(path: Chain, distances: Distances, habits: Habits): number {
  let sum = 0;
  for (let i = 2; i < path.length; i++) {
    sum += natsAt(path[i - 2] ?? 0, path[i - 1] ?? 0, path[i] ?? 0, distances, habits);
  }
  return sum;
}
