import type { Chain } from './chains.ts';
import { dealArms } from './deal-arms.ts';
import type { Distances } from './distances.ts';
import { turnAt } from './forks.ts';
import { readHabits } from './habits.ts';
import type { Hung, Setting } from './hang-chains.ts';
import { turnForward } from './orient-chains.ts';
import { shortenPath } from './shorten-path.ts';
import { takeInTurned } from './turn-end.ts';
import { unweave } from './unweave.ts';

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

/** Of all ways to deal the checkpoints round a fork to its two arms, the one whose steps are most as usual. */
const dealAgain: Change = ({ chains, parents, chainOf }, { distances, dealt }) => {
  const habits = readHabits(chains, distances);
  if (habits === undefined) return undefined;
  for (const [i, parent] of parents) {
    const host = chainOf[parent] ?? i;
    const found = dealArms({ trunk: chains[host] ?? [], branch: chains[i] ?? [], parent }, distances, habits);
    const key = found === undefined ? '' : `${found.trunk} ${found.branch}`;
    if (found === undefined || dealt.has(key)) continue;
    dealt.add(key);
    return chains.map((chain, k) => (k === host ? found.trunk : k === i ? found.branch : chain));
  }
  return undefined;
};

/** A chain that is two runs, whose checkpoints lie between each other's, is parted. */
const partWoven: Change = ({ chains }, { distances, woven }) => {
  for (const [i, chain] of chains.entries()) {
    const key = chain.toSorted((a, b) => a - b).join(' ');
    if (woven.has(key)) continue;
    woven.add(key);
    const parted = unweave(
      chain,
      chains.filter((_, k) => k !== i),
      distances,
    );
    if (parted !== undefined) return [...chains.map((other, k) => (k === i ? parted.trunk : other)), parted.branch];
  }
  return undefined;
};

/** A branch that leads back to its trunk is a piece of that, turned round. */
const takeInBackward: Change = ({ chains, parents, chainOf }, { distances }) => {
  for (const [i, parent] of parents) {
    const host = chainOf[parent] ?? i;
    if (host === i) continue;
    const joined = takeInTurned(chains[host] ?? [], chains[i] ?? [], parent, distances);
    if (joined !== undefined) return replaceTwo(chains, host, i, joined);
  }
  return undefined;
};

/** Tried in this order, until none applies. */
export const CHANGES: readonly Change[] = [mergeAtTail, absorbFragment, swapArms, dealAgain, partWoven, takeInBackward];
