import { foreignCandidates, nearCandidates } from '../lineage/candidates.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { LineageView } from './lineage-view.ts';
import type { PendingCheckpoint } from './pending.ts';
import type { Placement } from './refine-placement.ts';
import type { ViewTrajectory } from './view-outline.ts';

/** Nearest checkpoints that are looked at, beside those that lineage names: most of a family's copies may be no bases. */
const NEAREST = 24;

/** What was last committed at each path. */
async function lastVersions({ recorded }: LineageView): Promise<ReadonlyMap<string, ManifestId>> {
  const last = new Map<string, ManifestId>();
  for (const { checkpoint } of (await recorded()).values()) {
    if (checkpoint !== undefined) last.set(checkpoint.path, checkpoint.pointer.manifest);
  }
  return last;
}

/** Checkpoints right before one on its run that are asked for tensors. */
const BEFORE = 2;

/** Relations of a checkpoint that goes on where the one before it stopped: nothing is nearer than its own run. */
const GOES_ON: ReadonlySet<string> = new Set(['next', 'between']);

/** Says which stored checkpoints a new one may be coded against, the likeliest first; later ones are looked for when they are asked for. */
export type ListBases = (checkpoint: PendingCheckpoint, placement: Placement | undefined) => Iterable<ManifestId>;

/** Candidates for bases: the parents, the last version of the path, what comes before on the run, then what is near in sketch space. */
export async function listBasesBy(view: LineageView): Promise<ListBases> {
  const last = await lastVersions(view);
  const runs = new Map(view.trajectories.map((run) => [run.name, run]));
  return function* listBases({ plan, summary, path }, placement) {
    const listed = new Set([plan.id]);
    for (const source of [
      () => parentsOf(placement),
      () => [last.get(path) ?? []].flat(),
      () => (placement === undefined ? [] : before(runs.get(placement.trajectory), placement)),
      () => (summary.parameters === 0 ? [] : nearest(view, summary).slice(0, NEAREST)),
    ]) {
      for (const id of source()) {
        if (listed.has(id)) continue;
        listed.add(id);
        yield id;
      }
    }
  };
}

function parentsOf(placement: Placement | undefined): readonly ManifestId[] {
  return [...(placement?.parents ?? [])].sort((a, b) => b.weight - a.weight).map(({ id }) => id);
}

/** The last checkpoints before a place on a run that goes on there, the closest first. */
function before(run: ViewTrajectory | undefined, { relation, position }: Placement): readonly ManifestId[] {
  if (run === undefined || !GOES_ON.has(relation)) return [];
  const earlier = run.entries.filter((entry) => entry.position < position);
  return earlier
    .slice(-BEFORE)
    .reverse()
    .map(({ id }) => id);
}

function nearest({ archive }: LineageView, summary: PendingCheckpoint['summary']): readonly ManifestId[] {
  const near = nearCandidates(summary, archive);
  return near.length > 0 ? near : foreignCandidates(summary, archive);
}
