import { CHANGES } from './chain-changes.ts';
import type { Chain } from './chains.ts';
import type { Distances } from './distances.ts';
import type { ForkOption } from './fork-evidence.ts';
import { forkOptions, type Hung, hangChains, type Setting } from './hang-chains.ts';

/** Below this the shares of steps do not decide, and the branch's extension does. */
const LEAST_SURE = 0.5;
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

/**
 * Hangs the chains of a component on each other until nothing changes (lineage.md, B5): each by its extended start; merged where
 * it hangs on a tail; fragments taken in; arms swapped where the other one goes straighter on. Where a branch leaves its trunk is then
 * decided by what it holds of the trunk's steps.
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
    rankings: new Map(),
    woven: new Set(),
    dealt: new Set(),
  };
  const hung = settle(oriented, setting);
  return hung.chains.map((chain, i) => {
    const options = forkOptions(i, hung, setting);
    const [best] = options;
    const isSure = best !== undefined && best.probability >= LEAST_SURE;
    return { chain, parent: isSure ? best.candidate : hung.parents.get(i), options };
  });
}
