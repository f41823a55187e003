import type { ManifestId } from '../objects/ids.ts';
import type { FoundCheckpoint } from './find-checkpoint.ts';
import { type LineageView, readLineageView } from './lineage-view.ts';
import { describePruning, prunedError } from './pruned-records.ts';
import type { Repository } from './repository.ts';
import type { KeptNeighbor, PrunedResult } from './results.ts';
import type { ViewEntry } from './view-outline.ts';

function nearestKept(
  entries: readonly ViewEntry[],
  pruned: { has(id: ManifestId): boolean },
  trajectory: string,
): KeptNeighbor | undefined {
  const found = entries.find(({ id }) => !pruned.has(id));
  if (found === undefined) return undefined;
  const { commit, source, position } = found;
  return { revision: `${trajectory}@{${position}}`, commit: commit ?? null, source, position };
}

/** The nearest checkpoints before and after one on its trajectory whose content is there. */
function keptNeighbors(
  view: LineageView,
  pruned: { has(id: ManifestId): boolean },
  id: ManifestId,
): readonly KeptNeighbor[] {
  for (const { name, entries } of view.trajectories) {
    const at = entries.findIndex((entry) => entry.id === id);
    if (at < 0) continue;
    const before = nearestKept(entries.slice(0, at).reverse(), pruned, name);
    const after = nearestKept(entries.slice(at + 1), pruned, name);
    return [before, after].filter((neighbor) => neighbor !== undefined);
  }
  return [];
}

/** When and why a checkpoint's content was given up, and what is left near it; `undefined` for one whose content is there. */
export async function readPruned(repository: Repository, id: ManifestId): Promise<PrunedResult | undefined> {
  const { byId } = await repository.pruned.read();
  const checkpoint = byId.get(id);
  if (checkpoint === undefined) return undefined;
  const { at, policy } = checkpoint.pruning;
  return { at: new Date(at).toISOString(), policy, kept: keptNeighbors(await readLineageView(repository), byId, id) };
}

/** "Kept near it: run-1@{10} (ckpt_10.pt) and run-1@{20} (ckpt_20.pt)." */
function describeKept(kept: readonly KeptNeighbor[]): string {
  if (kept.length === 0) return 'Nothing of its trajectory was kept.';
  return `Kept near it: ${kept.map(({ revision, source }) => `${revision} (${source})`).join(' and ')}.`;
}

/** A sentence for people about a pruned checkpoint. */
export function describePruned({ at, policy, kept }: PrunedResult): string {
  return `Its content was pruned on ${describePruning({ at: Date.parse(at), policy })}. ${describeKept(kept)}`;
}

/** Refuses what needs the content of a checkpoint that has none. @throws WsvcError `pruned`, with the nearest that are kept. */
export async function expectContent(repository: Repository, { pointer, path }: FoundCheckpoint): Promise<void> {
  const checkpoint = await repository.pruned.find(pointer.manifest);
  if (checkpoint === undefined) return;
  const kept = (await readPruned(repository, pointer.manifest))?.kept ?? [];
  throw prunedError(path, checkpoint, [describeKept(kept)]);
}
