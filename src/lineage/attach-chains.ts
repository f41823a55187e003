import { CHANGES } from './chain-changes.ts';
import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import type { ForkOption } from './fork-evidence.ts';
import { readHabits } from './habits.ts';
import { forkOptions, type Hung, hangChains, linkProbabilities, logProbability, type Setting } from './hang-chains.ts';

/** A link that is less probable than this is tried without. */
const LEAST_LINK = 0.5;
/** Gain in log probability below which a reading is not better. */
const LEAST_GAIN = 1;
/** Readings of a component that are tried: each costs a rebuilding of it. */
const MOST_TRIALS = 40;

/** A chain and where it hangs; the trunk hangs nowhere. */
export interface Branch {
  readonly chain: Chain;
  readonly parent: number | undefined;
  /** Where it may hang, the most probable first. */
  readonly options: readonly ForkOption[];
}

/** Hangs chains and changes them until nothing applies. */
function settle(start: readonly Chain[], setting: Setting): Hung {
  let hung = hangChains(start, setting);
  for (let round = 20 + 10 * start.length; round > 0; round--) {
    let changed: readonly Chain[] | undefined;
    for (const change of CHANGES) changed ??= change(hung, setting);
    if (changed === undefined) break;
    hung = hangChains(changed, setting);
  }
  return hung;
}

/** Other chains that may be the better reading. */
interface Proposal {
  /** What is changed, so that nothing is tried twice. */
  readonly key: string;
  readonly chains: readonly Chain[];
  /** Head of the chain that is made, if one is; no fragment's shorter tree takes it back. */
  readonly head?: number;
}

/** Cuts of the links that are improbable, the least probable first, and exchanges of the two checkpoints. */
function proposeAtDoubts(hung: Hung, setting: Setting): readonly Proposal[] {
  const doubts = hung.chains.flatMap((chain, i) =>
    linkProbabilities(i, hung, setting).map((probability, gap) => ({ chain, i, place: gap + 1, probability })),
  );
  return doubts
    .filter(({ probability }) => probability < LEAST_LINK)
    .sort((a, b) => a.probability - b.probability || a.i - b.i || a.place - b.place)
    .flatMap(({ chain, i, place }) => {
      const [before = 0, head = 0] = chain.slice(place - 1, place + 1);
      const put = (own: Chain, more: readonly Chain[]) => [...hung.chains.map((c, k) => (k === i ? own : c)), ...more];
      const exchanged = [...chain.slice(0, place - 1), head, before, ...chain.slice(place + 1)];
      return [
        { key: `cut ${before} ${head}`, chains: put(chain.slice(0, place), [chain.slice(place)]), head },
        { key: `exchange ${before} ${head}`, chains: put(exchanged, []) },
      ];
    });
}

/**
 * A branch that moves little lies between the checkpoints of its trunk, and a chain may run through both. Tries other readings, one after the
 * other, and keeps one where all parents together are more probable.
 */
function untangle(start: Hung, setting: Setting): Hung {
  let best = start;
  let most = logProbability(best, setting);
  const tried = new Set<string>();
  for (let trial = 0; trial < MOST_TRIALS; trial++) {
    const proposal = proposeAtDoubts(best, setting).find(({ key }) => !tried.has(key));
    if (proposal === undefined) break;
    tried.add(proposal.key);
    const cut = new Set(proposal.head === undefined ? setting.cut : [...setting.cut, proposal.head]);
    const other = settle(proposal.chains, { ...setting, moved: new Set(setting.moved), cut });
    const log = logProbability(other, setting);
    if (log <= most + LEAST_GAIN) continue;
    best = other;
    most = log;
    if (proposal.head !== undefined) setting.cut.add(proposal.head);
  }
  return best;
}

/**
 * Hangs the chains of a component on each other until nothing changes (lineage.md, B5): each by what it holds of the steps of its
 * trunk; merged where it hangs on a tail; fragments taken in; arms swapped where the other one goes on more as usual; and cut where a
 * chain runs through two runs.
 *
 * @param ways way from the root along the spanning tree.
 */
export function attachChains(
  oriented: readonly Chain[],
  root: number,
  ways: Float64Array,
  distances: Distances,
): readonly Branch[] {
  const setting: Setting = {
    root,
    ways,
    distances,
    habits: readHabits(oriented, distances),
    rankings: new Map(),
    moved: new Set(),
    cut: new Set(),
    weighed: new Map(),
  };
  const hung = untangle(settle(oriented, setting), setting);
  return hung.chains.map((chain, i) => {
    return { chain, parent: hung.parents.get(i), options: forkOptions(i, hung, setting) };
  });
}
