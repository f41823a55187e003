import { formatBytes, formatPosition, formatWait, plural } from '../charts/describe.ts';
import { drawTable } from '../charts/table.ts';
import type { PlannedCheckpoint, PlannedTrajectory, PruneResult } from '../repo/prune-checkpoints.ts';

/** Positions that are listed of one kind before the rest is counted. */
const LISTED = 12;

function listPositions(checkpoints: readonly PlannedCheckpoint[]): string {
  const positions = checkpoints.map(({ position }) => formatPosition(position));
  const more = positions.length - LISTED;
  return `${positions.slice(0, LISTED).join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function reasonRows({ name, checkpoints }: PruneResult['trajectories'][number]): readonly (readonly string[])[] {
  const groups = new Map<string, PlannedCheckpoint[]>();
  for (const checkpoint of checkpoints) {
    const key = checkpoint.kept === null ? 'prune' : `keep: ${checkpoint.kept}`;
    groups.set(key, [...(groups.get(key) ?? []), checkpoint]);
  }
  return [...groups].map(([what, all], index) => {
    const bytes = all.reduce((sum, checkpoint) => sum + checkpoint.bytes, 0);
    return [index === 0 ? name : '', what, String(all.length), formatBytes(bytes), listPositions(all)];
  });
}

/** What the plan of a trajectory rests on, or why there is none. */
function describeOrder({ name, doubt, basis, checkpoints }: PlannedTrajectory): readonly string[] {
  if (basis === 'commits') return [`${name} is taken in the order of its commits.`];
  if (basis === 'last') return [`${name} ends at ${checkpoints.at(-1)?.source}, as you said.`];
  if (doubt === undefined || checkpoints.every(({ kept }) => kept === 'not asked for')) return [];
  const [first, last] = [checkpoints[0]?.source, checkpoints.at(-1)?.source];
  if (doubt === 'order unknown')
    return [
      `Nothing of ${name} is pruned: the weights do not tell its order. Say --by-commits to take that of the commits.`,
    ];
  const why = {
    'order not sure': 'its order is more likely wrong somewhere than right',
    'direction unknown': 'the weights do not tell',
    'commits disagree': 'the weights say the one, and the order in which they were added the other',
  }[doubt];
  return [
    `Nothing of ${name} is pruned: does it end at ${first} or at ${last}? (${why}) Say --last REV, or --by-commits.`,
  ];
}

/** Draws what a pruning will do, or has done: why each checkpoint is kept, and the bytes. */
export function describePrunePlan(result: PruneResult): readonly string[] {
  if (result.policy === null) return [`${plural(result.pins.length, 'checkpoint')} pinned.`];
  const rows = result.trajectories.flatMap(reasonRows);
  const lines = [...drawTable(['trajectory', 'what', 'count', 'files', 'at positions'], rows), ''];
  lines.push(...result.trajectories.flatMap(describeOrder));
  if (result.pruned === 0) return [...lines, 'There is nothing to prune.'];
  return [
    ...lines,
    `${plural(result.pruned, 'checkpoint')} of ${formatBytes(result.rawBytes)}: about ${formatBytes(result.freedBytes)} or more will be freed; ` +
      `${formatBytes(result.recordBytes)} stay, so that history, lineage and "identify" still know them.`,
    ...(result.recordBytes < result.freedBytes ? [] : ['So nothing is won: these models are too small to be pruned.']),
  ];
}

/** Which command frees the bytes, and when. */
function describeFreeing({ freedBytes, young }: PruneResult): string {
  if (young.bytes === 0) return `"wsvc gc" frees about ${formatBytes(freedBytes)}.`;
  const wait = `was written within the last hour: "wsvc gc --now" takes it too, "wsvc gc" only in ${formatWait(young.waitMs)}.`;
  if (young.bytes === freedBytes) return `About ${formatBytes(freedBytes)} can be freed. All of it ${wait}`;
  return `"wsvc gc" frees about ${formatBytes(freedBytes - young.bytes)}. The other ${formatBytes(young.bytes)} ${wait}`;
}

/** What is to be known after a pruning. */
export function describePruned(result: PruneResult): readonly string[] {
  return [
    `Pruned ${plural(result.pruned, 'checkpoint')}. Nothing is gone yet: "wsvc prune --undo" brings them back.`,
    `${describeFreeing(result)} Then they cannot be brought back.`,
  ];
}
