import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import { turnAt } from './forks.ts';
import { surpriseOf } from './habits.ts';
import type { Hung, Setting } from './hang-chains.ts';
import { turnForward } from './orient-chains.ts';
import { shortenPath } from './shorten-path.ts';

/** Chains of up to this many checkpoints show no direction of their own. */
const LONGEST_FRAGMENT = 2;
/** Turns that differ by less are alike. */
const TURN_RESOLUTION = 1e-9;

function lengthOf(chain: Chain, distances: Distances): number {
  let sum = 0;
  for (let i = 0; i + 1 < chain.length; i++) sum += distances.length(chain[i] ?? 0, chain[i + 1] ?? 0);
  return sum;
}

/** The chains with `joined` in place of two of them. */
function replaceTwo(chains: readonly Chain[], kept: number, dropped: number, joined: Chain): readonly Chain[] {
  return chains.map((chain, i) => (i === kept ? joined : chain)).filter((_, i) => i !== dropped);
}

function joinInto(host: Chain, guest: Chain, { ways, distances }: Setting): Chain {
  return turnForward(shortenPath([...host, ...guest], distances), ways);
}

/** Other chains where these are not the best reading, or undefined. */
export type Change = (hung: Hung, setting: Setting) => readonly Chain[] | undefined;

/** A chain that hangs on the tail of another one continues it. */
const mergeAtTail: Change = ({ chains, parents, chainOf }, setting) => {
  for (const [i, parent] of parents) {
    const host = chainOf[parent] ?? i;
    const hostChain = chains[host] ?? [];
    if (host === i || hostChain.at(-1) !== parent) continue;
    return replaceTwo(chains, host, i, joinInto(hostChain, chains[i] ?? [], setting));
  }
  return undefined;
};

/** One or two checkpoints are a branch only where that is the shorter tree. */
const absorbFragment: Change = ({ chains, parents, chainOf }, setting) => {
  const { distances } = setting;
  const byLength = [...parents].sort(([a], [b]) => (chains[a] ?? []).length - (chains[b] ?? []).length);
  for (const [i, parent] of byLength) {
    const fragment = chains[i] ?? [];
    const host = chainOf[parent] ?? i;
    const hostChain = chains[host] ?? [];
    if (fragment.length > LONGEST_FRAGMENT) continue;
    const joined = joinInto(hostChain, fragment, setting);
    const hung = lengthOf(hostChain, distances) + lengthOf(fragment, distances);
    if (lengthOf(joined, distances) >= hung + distances.length(fragment[0] ?? 0, parent)) continue;
    return replaceTwo(chains, host, i, joined);
  }
  return undefined;
};

/** At a fork, the arm that turns less is the trunk. */
const swapArms: Change = ({ chains, parents, chainOf }, { distances }) => {
  for (const [i, parent] of parents) {
    const host = chainOf[parent] ?? i;
    const trunk = chains[host] ?? [];
    const branch = chains[i] ?? [];
    const position = trunk.indexOf(parent);
    const before = trunk[position - 1];
    const after = trunk[position + 1];
    const head = branch[0];
    if (before === undefined || after === undefined || head === undefined) continue;
    const saved = turnAt(before, parent, after, distances) - turnAt(before, parent, head, distances);
    if (saved <= TURN_RESOLUTION) continue;
    const swapped = [...trunk.slice(0, position + 1), ...branch];
    const rest = trunk.slice(position + 1);
    return chains.map((chain, k) => (k === host ? swapped : k === i ? rest : chain));
  }
  return undefined;
};

/**
 * A branch that starts with small steps lies between two checkpoints of its trunk, which then seems to run through the branch's
 * first one. Of the two readings, the one whose steps are more as usual: the trunk through `parent`, or past it.
 */
const moveForkBack: Change = ({ chains, parents, chainOf }, { distances, habits, moved }) => {
  if (habits === undefined) return undefined;
  for (const [i, parent] of parents) {
    const host = chainOf[parent] ?? i;
    const trunk = chains[host] ?? [];
    const branch = chains[i] ?? [];
    const position = trunk.indexOf(parent);
    const key = `${parent} ${branch[0]}`;
    if (position < 1 || position === trunk.length - 1 || moved.has(key)) continue;
    const upTo = trunk.slice(Math.max(0, position - 2), position);
    const start = trunk[position - 1] ?? parent;
    const arm = trunk.slice(position, position + 3);
    const through = [
      [...upTo, ...arm],
      [parent, ...branch.slice(0, 2)],
    ];
    const past = [
      [...upTo, ...branch.slice(0, 2)],
      [start, ...arm],
    ];
    if (surpriseOf(past, distances, habits) >= surpriseOf(through, distances, habits)) continue;
    moved.add(key);
    const straight = [...trunk.slice(0, position), ...branch];
    return chains.map((chain, k) => (k === host ? straight : k === i ? trunk.slice(position) : chain));
  }
  return undefined;
};

/** Tried in this order, until none applies. */
export const CHANGES: readonly Change[] = [mergeAtTail, absorbFragment, swapArms, moveForkBack];
