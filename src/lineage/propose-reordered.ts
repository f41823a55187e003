import { type ManifestId, parseManifestId } from '../objects/ids.ts';
import { nearestBySpread, othersInSpace } from './candidates.ts';
import type { Case, Ranked } from './case.ts';
import type { Archive } from './model.ts';

/** Candidates that are aligned; of these, so many by their statistics, and so many of one run at most. */
const ALIGNED = 6;
const BY_SPREAD = 2;
const OF_ONE_RUN = 3;

/**
 * The nearest by invariants, and by statistics that hold whatever was reordered, units that no graph places too: few of one run, as whoever is
 * nearest in it is found from any of them. Where there are no invariants, the best of each run.
 */
export function proposeReordered({ archive, query }: Case, likely: readonly Ranked[]): readonly ManifestId[] {
  const near = archive.neighbors('invariants', query.summary, 4 * ALIGNED).map(({ key }) => parseManifestId(key));
  if (near.length > 0) {
    const bySpread = nearestBySpread(query.summary, archive, BY_SPREAD);
    return fewOfEachRun(archive, [...near.slice(0, 1), ...bySpread, ...near.slice(1)]).slice(0, ALIGNED);
  }
  const inSpace = othersInSpace(query.summary, archive);
  const ids = [...likely.map(({ id }) => id), ...inSpace.map(({ id }) => id)];
  return bestOfEachRun(archive, ids).slice(0, 2 * ALIGNED);
}

/** No more than three of a run, then the rest. */
function fewOfEachRun(archive: Archive, ids: readonly ManifestId[]): readonly ManifestId[] {
  const counts = new Map<string, number>();
  const few = [...new Set(ids)].filter((id) => {
    const run = archive.member(id).trajectory ?? id;
    counts.set(run, (counts.get(run) ?? 0) + 1);
    return (counts.get(run) ?? 0) <= OF_ONE_RUN;
  });
  return [...new Set([...few, ...ids])];
}

function bestOfEachRun(archive: Archive, ids: readonly ManifestId[]): readonly ManifestId[] {
  const runs = new Map<string, ManifestId>();
  for (const id of ids) {
    const run = archive.member(id).trajectory ?? id;
    if (!runs.has(run)) runs.set(run, id);
  }
  return [...runs.values()];
}
