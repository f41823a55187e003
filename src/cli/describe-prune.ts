import { formatBytes, formatPosition, plural } from '../charts/describe.ts';
import { drawTable } from '../charts/table.ts';
import type { PlannedCheckpoint, PruneResult } from '../repo/prune-checkpoints.ts';

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

/** Draws what a pruning will do, or has done: why each checkpoint is kept, and the bytes. */
export function describePrunePlan(result: PruneResult): readonly string[] {
  if (result.policy === null) return [`${plural(result.pins.length, 'checkpoint')} pinned.`];
  const rows = result.trajectories.flatMap(reasonRows);
  const lines = [...drawTable(['trajectory', 'what', 'count', 'files', 'at positions'], rows), ''];
  if (result.pruned === 0) return [...lines, 'There is nothing to prune.'];
  return [
    ...lines,
    `${plural(result.pruned, 'checkpoint')} of ${formatBytes(result.rawBytes)}: about ${formatBytes(result.freedBytes)} or more will be freed; ` +
      `${formatBytes(result.recordBytes)} stay, so that history, lineage and "identify" still know them.`,
  ];
}

/** What is to be known after a pruning. */
export function describePruned(result: PruneResult): readonly string[] {
  return [
    `Pruned ${plural(result.pruned, 'checkpoint')}.`,
    'Their bytes go with "wsvc gc" (what is younger than an hour with "wsvc gc --now"); until then "wsvc prune --undo" brings them back.',
  ];
}
