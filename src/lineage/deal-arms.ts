import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { FREE_STEP, type Habits, natsOf } from './habits.ts';
import { partInTwo, type TwoRuns } from './two-runs.ts';

/** Checkpoints before a fork point, and of each arm behind it, that may belong to the other arm. */
const BEFORE_FORK = 6;
const MOST_DEALT = 32;
/** Nats by which a reading must be better to take the place of another one: odds of twenty. */
const LEAST_GAIN = Math.log(20);

/** A trunk, and a chain that leaves it at `parent`. */
export interface Arms {
  readonly trunk: Chain;
  readonly branch: Chain;
  readonly parent: number;
}

/** What of both arms is dealt again, and what follows it. */
interface Hand {
  readonly start: number;
  readonly trunk: Chain;
  readonly branch: Chain;
  readonly afterTrunk: Chain;
  readonly afterBranch: Chain;
}

function takeHand({ trunk, branch, parent }: Arms): Hand {
  const start = Math.max(0, trunk.indexOf(parent) - BEFORE_FORK);
  return {
    start,
    trunk: trunk.slice(start, start + MOST_DEALT),
    branch: branch.slice(0, MOST_DEALT),
    afterTrunk: trunk.slice(start + MOST_DEALT),
    afterBranch: branch.slice(MOST_DEALT),
  };
}

/** Two arms in one order that keeps that of each: nearest first to the checkpoint that both come from. */
function mergeArms(origin: number, first: Chain, second: Chain, { squared }: Distances): Chain {
  const merged: number[] = [];
  let [i, j] = [0, 0];
  while (i < first.length || j < second.length) {
    const [a, b] = [first[i], second[j]];
    const takesFirst = b === undefined || (a !== undefined && squared(origin, a) <= squared(origin, b));
    merged.push((takesFirst ? first[i++] : second[j++]) ?? origin);
  }
  return merged;
}

/** How often a run changes from one of two arms to the other. */
function countChanges(run: Chain, arm: ReadonlySet<number>): number {
  return run.slice(1).filter((member, i) => arm.has(member) !== arm.has(run[i] ?? member)).length;
}

/** The likeliest reading of a hand. Which arm goes on is open; each further place where a run goes from one of the present arms to the other is one of many. */
function bestReading({ trunk, branch }: Hand, distances: Distances, habits: Habits) {
  const merged = [...trunk.slice(0, 2), ...mergeArms(trunk[0] ?? 0, trunk.slice(2), branch, distances)];
  const change = Math.log(merged.length);
  const arm = new Set(branch);
  const all = partInTwo(merged, distances, habits).map((two) => {
    return {
      two,
      nats: two.cost + change * Math.max(0, countChanges(two.trunk, arm) + countChanges(two.branch, arm) - 1),
    };
  });
  return all.sort((a, b) => a.nats - b.nats)[0];
}

/** Puts what follows the hand behind the arm that ends as it begins; undefined where neither does. */
function putBack(found: TwoRuns, hand: Hand, before: Chain): Pick<Arms, 'trunk' | 'branch'> | undefined {
  const ends = [hand.trunk.at(-1), hand.branch.at(-1)];
  const isAsBefore = found.trunk.at(-1) === ends[0] && found.branch.at(-1) === ends[1];
  const isExchanged = found.trunk.at(-1) === ends[1] && found.branch.at(-1) === ends[0];
  const isWhole = hand.afterTrunk.length === 0 && hand.afterBranch.length === 0;
  if (!isAsBefore && !isExchanged && !isWhole) return undefined;
  const [toTrunk, toBranch] = isExchanged ? [hand.afterBranch, hand.afterTrunk] : [hand.afterTrunk, hand.afterBranch];
  return { trunk: [...before, ...found.trunk, ...toTrunk], branch: [...found.branch, ...toBranch] };
}

/**
 * Deals the checkpoints round a fork to its two arms again where that makes the steps of both more as usual: a branch that starts with small
 * steps lies between the checkpoints of its trunk, which then seems to run through the branch.
 *
 * @returns undefined where the arms stay as they are.
 */
export function dealArms(arms: Arms, distances: Distances, habits: Habits): Pick<Arms, 'trunk' | 'branch'> | undefined {
  const hand = takeHand(arms);
  const now =
    natsOf(hand.trunk, distances, habits) + natsOf([arms.parent, ...hand.branch], distances, habits) + FREE_STEP;
  const best = bestReading(hand, distances, habits);
  if (best === undefined || now - best.nats <= LEAST_GAIN) return undefined;
  return putBack(best.two, hand, arms.trunk.slice(0, hand.start));
}
