import type { Chain } from './chains.ts';
import { keepsEnds, type Window, windowAt } from './fork-window.ts';
import { forkOptions, type Hung, indexChains, type Setting } from './hang-chains.ts';
import type { Arm } from './movement-edges.ts';
import { rereadArms } from './reread-arms.ts';

/** The first checkpoints of branches that hang elsewhere than where the shares of the trunk's steps say that they leave it. */
function findDoubts(hung: Hung, setting: Setting): readonly number[] {
  return [...hung.parents].flatMap(([chain, parent]) => {
    const [best] = forkOptions(chain, hung, setting);
    return best?.candidate === parent ? [] : (hung.chains[chain]?.[0] ?? []);
  });
}

/** The component with a window in another reading. */
function replaceWindow(hung: Hung, window: Window, arms: readonly Arm[], count: number): Hung {
  const whole = arms.map(({ nodes, parent }) => {
    const last = nodes.at(-1) ?? -1;
    const chain: Chain = [...(parent === undefined ? window.before : []), ...nodes, ...(window.after.get(last) ?? [])];
    return { chain, parent };
  });
  const kept = hung.chains.flatMap((chain, i) =>
    window.chains.has(i) ? [] : [{ chain, parent: hung.parents.get(i) }],
  );
  const first = [...window.chains].find((i) => hung.chains[i]?.[0] === whole[0]?.chain[0]);
  const outer = first === undefined ? undefined : hung.parents.get(first);
  const all = [...whole.map((arm, i) => (i === 0 ? { ...arm, parent: outer } : arm)), ...kept];
  const chains = all.map(({ chain }) => chain);
  const parents = new Map(all.flatMap(({ parent }, i) => (parent === undefined ? [] : [[i, parent] as const])));
  return { chains, parents, chainOf: indexChains(chains, count) };
}

const keyOf = ({ arms }: Window): string => arms.map(({ nodes, parent }) => `${parent ?? ''}<${nodes}`).join(' ');

/** The component with the first window that is read otherwise; undefined where none is. */
function readFirst(hung: Hung, setting: Setting, seen: Set<string>): Hung | undefined {
  const { distances } = setting;
  for (const node of findDoubts(hung, setting)) {
    const window = windowAt(node, hung, distances);
    if (window === undefined || seen.has(keyOf(window))) continue;
    seen.add(keyOf(window));
    const found = rereadArms(window.arms, distances, (arms) => keepsEnds(arms, window));
    if (found !== undefined) return replaceWindow(hung, window, found.arms, distances.count);
  }
  return undefined;
}

/**
 * Reads larger components anew, by the model of how trajectories move, in windows round the forks where two kinds of evidence contradict each other: where the
 * branch's first steps point, extended backwards, and what it holds of the trunk's steps. What goes on outside a window goes on from the same checkpoints.
 */
export function rereadWindows(start: Hung, setting: Setting): Hung {
  const seen = new Set<string>();
  let hung = start;
  for (let round = start.chains.length; round > 0; round--) {
    const next = readFirst(hung, setting, seen);
    if (next === undefined) break;
    hung = next;
  }
  return hung;
}
