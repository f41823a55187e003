import type { TrajectoryResult } from '../repo/lineage-results.ts';

/** A trajectory with the branch that is drawn before its name. */
export interface PlacedTrajectory {
  readonly trajectory: TrajectoryResult;
  /** '' for a root, `├─ ` and the like for a fork. */
  readonly branch: string;
}

function groupByParent(
  trajectories: readonly TrajectoryResult[],
): ReadonlyMap<string | undefined, readonly TrajectoryResult[]> {
  const names = new Set(trajectories.map(({ name }) => name));
  const groups = new Map<string | undefined, TrajectoryResult[]>();
  for (const trajectory of trajectories) {
    const from = trajectory.forkedFrom?.trajectory;
    const parent = from !== undefined && names.has(from) && from !== trajectory.name ? from : undefined;
    groups.set(parent, [...(groups.get(parent) ?? []), trajectory]);
  }
  return groups;
}

/** Puts each fork below the trajectory that it left, in the order of where it left. */
export function arrangeForest(trajectories: readonly TrajectoryResult[]): readonly PlacedTrajectory[] {
  const groups = groupByParent(trajectories);
  const placed: PlacedTrajectory[] = [];
  const place = (trajectory: TrajectoryResult, branch: string, indent: string): void => {
    placed.push({ trajectory, branch });
    const forks = (groups.get(trajectory.name) ?? []).toSorted(
      (a, b) => (a.forkedFrom?.position ?? 0) - (b.forkedFrom?.position ?? 0),
    );
    for (const [index, fork] of forks.entries()) {
      const isLast = index === forks.length - 1;
      place(fork, `${indent}${isLast ? '└─ ' : '├─ '}`, `${indent}${isLast ? '   ' : '│  '}`);
    }
  };
  for (const root of groups.get(undefined) ?? []) place(root, '', '');
  return placed;
}
