import type { ManifestId } from '../objects/ids.ts';
import type { Case } from './case.ts';
import { type Comparison, type Vector, vectorOf } from './comparison.ts';
import type { Member } from './model.ts';

/** The stored checkpoints of one run in order, copies left out, and their compared values where they were asked for. */
export interface Run {
  readonly members: readonly Member[];
  /** Index of the checkpoint that the run was opened at. */
  readonly at: number;
  vector(index: number): Promise<Vector>;
  position(index: number): number;
}

/** Opens the run of a checkpoint; a checkpoint on no trajectory is a run of one. */
export function openRun(subject: Case, id: ManifestId, comparison: Comparison): Run {
  const member = subject.archive.member(id);
  const all = member.trajectory === undefined ? [member] : subject.archive.trajectory(member.trajectory);
  const members = withoutCopies(all, id);
  const vectors = new Map<number, Promise<Vector>>();
  const load = async (index: number) => {
    const other = members[index];
    return other ? vectorOf(await subject.weightsOf(other.id), comparison) : new Float64Array(0);
  };
  return {
    members,
    at: members.findIndex((other) => other.id === id),
    vector(index) {
      const vector = vectors.get(index) ?? load(index);
      vectors.set(index, vector);
      return vector;
    },
    position: (index) => members[index]?.position ?? index,
  };
}

/** Copies of a checkpoint share its position: one stays, the given one where it is among them. */
function withoutCopies(members: readonly Member[], id: ManifestId): readonly Member[] {
  const kept = new Map<number, Member>();
  members.forEach((member, i) => {
    const position = member.position ?? i;
    if (!kept.has(position) || member.id === id) kept.set(position, member);
  });
  return [...kept].sort((a, b) => a[0] - b[0]).map(([, member]) => member);
}

/** The vectors of a run from `first` to `last`, by index; undefined elsewhere. */
export async function loadVectors(run: Run, first: number, last: number): Promise<readonly (Vector | undefined)[]> {
  const vectors: (Vector | undefined)[] = run.members.map(() => undefined);
  for (let i = Math.max(0, first); i <= Math.min(last, vectors.length - 1); i++) vectors[i] = await run.vector(i);
  return vectors;
}
