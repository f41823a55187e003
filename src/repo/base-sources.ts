import { foreignCandidates, nearCandidates } from '../lineage/candidates.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { LineageView } from './lineage-view.ts';
import type { PendingCheckpoint } from './pending.ts';
import type { Placement } from './place-pending.ts';

/** Nearest checkpoints that are asked for tensors, beside those that lineage names. */
const NEAREST = 6;

/** What was last committed at each path. */
async function lastVersions({ recorded }: LineageView): Promise<ReadonlyMap<string, ManifestId>> {
  const last = new Map<string, ManifestId>();
  for (const { checkpoint } of (await recorded()).values()) {
    if (checkpoint !== undefined) last.set(checkpoint.path, checkpoint.pointer.manifest);
  }
  return last;
}

/** Says which stored checkpoints a new one may be coded against, the likeliest first. */
export type ListBases = (checkpoint: PendingCheckpoint, placement: Placement | undefined) => readonly ManifestId[];

/** Candidates for bases: the parents, the last version of the path, then what is near in sketch space. */
export async function listBasesBy(view: LineageView): Promise<ListBases> {
  const last = await lastVersions(view);
  return ({ plan, summary, path }, placement) => {
    const parents = [...(placement?.parents ?? [])].sort((a, b) => b.weight - a.weight).map(({ id }) => id);
    const near = summary.parameters === 0 ? [] : nearest(view, summary).slice(0, NEAREST);
    const asked = [...parents, ...[last.get(path) ?? []].flat(), ...near];
    return [...new Set(asked)].filter((id) => id !== plan.id);
  };
}

function nearest({ archive }: LineageView, summary: PendingCheckpoint['summary']): readonly ManifestId[] {
  const near = nearCandidates(summary, archive);
  return near.length > 0 ? near : foreignCandidates(summary, archive);
}
