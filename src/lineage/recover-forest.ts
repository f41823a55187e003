import { groupBy } from '../symmetry/group-by.ts';
import { foldCopies, hasSketch } from './copies.ts';
import { findComponents } from './find-components.ts';
import { emptyForest, joinForests, loneTrajectory } from './forest.ts';
import { componentKey, type ForestMemo } from './forest-memo.ts';
import { growForest } from './grow-forest.ts';
import type { Archive, Forest, Member } from './model.ts';
import type { Node } from './node.ts';

export interface ForestOptions {
  /** Called as spaces and components are done, with the checkpoints placed since the last call. */
  readonly onPlaced?: (checkpoints: number) => void;
  /** What earlier recoveries of similar piles have found. */
  readonly memo?: ForestMemo;
}

function compareIds(a: Member, b: Member): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** A component that is in an earlier pile too, with the same copies, is recovered already. */
async function recoverOnce(nodes: readonly Node[], archive: Archive, { memo }: ForestOptions): Promise<Forest> {
  const key = componentKey(nodes);
  const forest = memo?.forest(key) ?? (await growForest(nodes, archive, memo));
  memo?.rememberForest(key, forest);
  return forest;
}

async function recoverSpace(members: readonly Member[], archive: Archive, options: ForestOptions): Promise<Forest> {
  const nodes = await foldCopies(members, archive, options.memo);
  const lone = nodes.filter(({ original }) => !hasSketch(original));
  const seen = nodes.filter(({ original }) => hasSketch(original));
  const components = await findComponents(
    seen.map(({ original }) => original),
    archive,
    options.memo,
  );
  const forests = lone.map(loneTrajectory);
  for (const component of components) {
    const inside = component.flatMap((place) => seen[place] ?? []);
    forests.push(
      inside.length === 1 ? joinForests(inside.map(loneTrajectory)) : await recoverOnce(inside, archive, options),
    );
    options.onPlaced?.(inside.reduce((sum, { copies }) => sum + 1 + copies.length, 0));
  }
  return joinForests(forests);
}

/**
 * Recovers which trajectories are in a pile of checkpoints: their number, order, direction and forks, from the weights alone
 * (lineage.md, B). Each space is a matter of its own; what has no weights, or no kin, is a trajectory by itself. The answer
 * does not depend on the order of `members`. Memory grows with their number, not with its square.
 */
export async function recoverForest(
  members: readonly Member[],
  archive: Archive,
  options: ForestOptions = {},
): Promise<Forest> {
  const sorted = [...members].sort(compareIds);
  let forest = emptyForest;
  for (const space of groupBy(sorted, ({ summary }) => summary.space).values()) {
    forest = joinForests([forest, await recoverSpace(space, archive, options)]);
  }
  return forest;
}
