import type { Forest } from '../lineage/model.ts';
import type { ManifestId } from '../objects/ids.ts';

/** The next free name of the form `run-N`. */
function createNamer(taken: Iterable<string>): () => string {
  const names = new Set(taken);
  let next = 1;
  return () => {
    while (names.has(`run-${next}`)) next += 1;
    names.add(`run-${next}`);
    return `run-${next}`;
  };
}

/** Gives every recovered trajectory the branch name that most of its checkpoints were committed on, else a new one. */
export function nameTrajectories(
  forest: Forest,
  labels: ReadonlyMap<ManifestId, readonly string[]>,
  taken: readonly string[],
): readonly string[] {
  const ballots: { index: number; name: string; votes: number }[] = [];
  forest.trajectories.forEach((trajectory, index) => {
    const votes = new Map<string, number>();
    for (const { id } of trajectory.members) {
      for (const label of labels.get(id) ?? []) votes.set(label, (votes.get(label) ?? 0) + 1);
    }
    for (const [name, count] of votes) ballots.push({ index, name, votes: count });
  });
  ballots.sort(
    (a, b) => b.votes - a.votes || a.name.localeCompare(b.name, 'en', { numeric: true }) || a.index - b.index,
  );
  const names = new Map<number, string>();
  const used = new Set<string>();
  for (const { index, name } of ballots) {
    if (names.has(index) || used.has(name)) continue;
    names.set(index, name);
    used.add(name);
  }
  const nextName = createNamer([...taken, ...used]);
  return forest.trajectories.map((_, index) => names.get(index) ?? nextName());
}
