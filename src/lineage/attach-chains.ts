import { CHANGES } from './chain-changes.ts';
import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import type { ForkOption } from './fork-evidence.ts';
import { forkOptions, type Hung, hangChains, indexChains, type Setting } from './hang-chains.ts';
import { rereadArms } from './reread-arms.ts';
import { rereadWindows } from './reread-windows.ts';
import { turnEnd } from './turn-end.ts';

/** Below this the shares of steps do not decide, and the branch's extension does. */
const LEAST_SURE = 0.5;
/** Checkpoints of a component up to which all of it is read anew at once: what that costs grows with their fourth power. */
const MOST_REREAD = 16;
/** The same of a chain without branches: of longer ones enough is known of how the run goes on, and the model took two runs of 16 (SGD with momentum) for four. */
const MOST_REREAD_ALONE = 12;
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

/** Reads a small component anew, by a model of how trajectories move; a larger one round its doubtful forks. */
function reread(hung: Hung, setting: Setting): Hung {
  const { distances } = setting;
  if (distances.count > (hung.chains.length > 1 ? MOST_REREAD : MOST_REREAD_ALONE)) return rereadWindows(hung, setting);
  const arms = hung.chains.map((nodes, i) => ({ nodes, parent: hung.parents.get(i), follows: false }));
  const found = rereadArms(arms, distances)?.arms;
  if (found === undefined) return hung;
  const chains = found.map(({ nodes }) => nodes);
  const parents = new Map(found.flatMap(({ parent }, i) => (parent === undefined ? [] : [[i, parent] as const])));
  return { chains, parents, chainOf: indexChains(chains, distances.count) };
}

/**
 * Hangs the chains of a component on each other until nothing changes (lineage.md, B5): each by its extended start; merged where
 * it hangs on a tail; fragments taken in; arms swapped where the other one goes straighter on; ends turned round that are likelier the other way. Where a
 * branch leaves its trunk is then decided by what it holds of the trunk's steps.
 *
 * @param ways way from the root along the spanning tree.
 * @param declared how far along each says that it is.
 */
export function attachChains(
  oriented: readonly Chain[],
  root: number,
  ways: Float64Array,
  distances: Distances,
  declared?: Float64Array,
): readonly Branch[] {
  const setting: Setting = {
    root,
    ways,
    distances,
    rankings: new Map(),
    woven: new Set(),
    dealt: new Set(),
  };
  const read = reread(settle(oriented, setting), setting);
  const hung = { ...read, chains: read.chains.map((chain) => turnEnd(chain, distances, declared)) };
  return hung.chains.map((chain, i) => {
    const options = forkOptions(i, hung, setting);
    const [best] = options;
    const isSure = best !== undefined && best.probability >= LEAST_SURE;
    return { chain, parent: isSure ? best.candidate : hung.parents.get(i), options };
  });
}
