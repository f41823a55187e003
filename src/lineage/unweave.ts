import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { FREE_STEP, type Habits, natsOf, readHabits } from './habits.ts';
import { partInTwo, type TwoRuns } from './two-runs.ts';

/** Chance that a chain which is one run is parted. */
const ALPHA = 0.01;
/** Times that the habits are read again from the runs that were found. */
const ROUNDS = 3;

/** What the choice among all ways to part a path could gain: every checkpoint that either run could have had is a choice of two. */
function natsChosen(path: Chain, { trunk, branch, parent }: TwoRuns): number {
  const places = new Map(path.map((member, place) => [member, place]));
  const placeOf = (member: number | undefined) => places.get(member ?? -1) ?? 0;
  const end = Math.min(placeOf(trunk.at(-1)), placeOf(branch.at(-1)));
  return Math.LN2 * Math.max(0, end - placeOf(parent)) + 2 * Math.log(path.length);
}

function sumNats(chains: readonly Chain[], distances: Distances, habits: Habits): number {
  return chains.reduce((sum, chain) => sum + natsOf(chain, distances, habits), 0);
}

/** The likeliest way to part a path, with the choice paid for. */
function bestParting(path: Chain, distances: Distances, habits: Habits): TwoRuns | undefined {
  const all = partInTwo(path, distances, habits);
  const costs = all.map((two) => two.cost + natsChosen(path, two));
  return all[costs.indexOf(Math.min(...costs))];
}

/**
 * Tells whether a chain is two runs whose checkpoints lie between each other's: a branch that goes on with the data of its trunk, more slowly. Each run
 * by itself goes on as the runs of this pile do, in length of step and in turn; a path that changes between the two turns back and forth. Both readings are judged
 * by the habits that they themselves show.
 *
 * If it is one run, the likelihood ratio of two against one exceeds 1 / x with a chance of x at most (Markov's inequality), summed over all ways to
 * part it.
 *
 * @param others the other chains of the component, which have the same habits.
 * @returns undefined where the chain is one run as far as this can tell.
 */
export function unweave(path: Chain, others: readonly Chain[], distances: Distances): TwoRuns | undefined {
  const asOne = readHabits([path, ...others], distances);
  if (asOne === undefined) return undefined;
  const whole = sumNats([path, ...others], distances, asOne);
  let habits: Habits | undefined = asOne;
  let found: TwoRuns | undefined;
  let last = '';
  for (let round = 0; round < ROUNDS && habits !== undefined; round++) {
    const two = bestParting(path, distances, habits);
    // The same parting again has the same habits.
    if (two === undefined || `${two.parent} ${two.branch}` === last) break;
    last = `${two.parent} ${two.branch}`;
    const runs = [two.trunk, [two.parent, ...two.branch], ...others];
    habits = readHabits(runs, distances);
    if (habits === undefined) break;
    const gain = whole - sumNats(runs, distances, habits) - FREE_STEP - natsChosen(path, two);
    if (gain > -Math.log(ALPHA)) found = two;
  }
  return found;
}
