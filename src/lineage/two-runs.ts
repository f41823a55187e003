import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { FREE_STEP, type Habits, natsAt } from './habits.ts';

/** Partial answers that are kept at every checkpoint. */
const BEAM = 48;
/** Checkpoints of each run after the fork point without which it shows no habits. */
const FEWEST = 3;

/** Two runs that share their start. */
export interface TwoRuns {
  readonly trunk: Chain;
  /** What leaves the trunk, without the checkpoint that it leaves from. */
  readonly branch: Chain;
  readonly parent: number;
  /** How unusual the steps of both are, in nats. */
  readonly cost: number;
}

/** What was decided about the last checkpoint of a partial answer. */
interface State {
  readonly trunk: readonly [number, number];
  /** The last two of the branch, or its parent and its first; undefined before it leaves. */
  readonly branch: readonly [number, number] | undefined;
  readonly cost: number;
  readonly last: number;
  readonly isBranch: boolean;
  readonly before: State | undefined;
}

type Judge = (before: number, at: number, after: number) => number;

/** Gives the next checkpoint to the trunk or to the branch, which may leave here. */
function* goOn(state: State, next: number, judge: Judge): Iterable<State> {
  const { trunk, branch, cost } = state;
  const [early, late] = trunk;
  const common = { last: next, before: state };
  yield { ...common, trunk: [late, next], branch, cost: cost + judge(early, late, next), isBranch: false };
  if (branch === undefined) yield { ...common, trunk, branch: [late, next], cost: cost + FREE_STEP, isBranch: true };
  else {
    const [from, at] = branch;
    yield { ...common, trunk, branch: [at, next], cost: cost + judge(from, at, next), isBranch: true };
  }
}

/** Of partial answers that end alike only the best is kept. */
function prune(states: Iterable<State>): readonly State[] {
  const best = new Map<string, State>();
  for (const state of states) {
    const key = `${state.trunk} ${state.branch}`;
    if (state.cost < (best.get(key)?.cost ?? Number.POSITIVE_INFINITY)) best.set(key, state);
  }
  return [...best.values()].sort((a, b) => a.cost - b.cost).slice(0, BEAM);
}

function readBack(end: State, start: Chain): TwoRuns {
  const trunk: number[] = [];
  const branch: number[] = [];
  let parent = start[1] ?? 0;
  for (let state: State | undefined = end; state?.before !== undefined; state = state.before) {
    (state.isBranch ? branch : trunk).unshift(state.last);
    if (state.isBranch && state.before.branch === undefined) parent = state.before.trunk[1];
  }
  return { trunk: [...start.slice(0, 2), ...trunk], branch, parent, cost: end.cost };
}

/**
 * Parts checkpoints in the order of time into the two runs whose steps are most as usual: a trunk that begins with the first two, and a branch that
 * leaves it anywhere with a first step like no other. By dynamic programming over the last two checkpoints of both, with a beam.
 *
 * @returns the likeliest ones first; none where neither run would have checkpoints enough to show habits.
 */
export function partInTwo(path: Chain, distances: Distances, habits: Habits): readonly TwoRuns[] {
  const judge: Judge = (before, at, after) => natsAt(before, at, after, distances, habits);
  const [first = 0, second = 0] = path;
  let states: readonly State[] = [
    { trunk: [first, second], branch: undefined, cost: 0, last: second, isBranch: false, before: undefined },
  ];
  for (const next of path.slice(2)) states = prune(states.flatMap((state) => [...goOn(state, next, judge)]));
  return states
    .filter(({ branch }) => branch !== undefined)
    .map((state) => readBack(state, path))
    .filter(({ trunk, branch, parent }) => {
      return branch.length >= FEWEST && trunk.length - trunk.indexOf(parent) > FEWEST;
    });
}
