import type { IdentifyResult, TrajectoryLogResult } from '../../src/repo/lineage-results.ts';

function hasList(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && Array.isArray(Reflect.get(value, key));
}

/** Accepts what `import` and `log --trajectory` print. */
export function checkTrajectories(value: unknown): TrajectoryLogResult {
  if (!hasList(value, 'trajectories')) throw new Error('The program printed no trajectories.');
  return value as TrajectoryLogResult;
}

/** Accepts what `identify` prints. */
export function checkIdentification(value: unknown): IdentifyResult {
  if (!hasList(value, 'results')) throw new Error('The program printed no results.');
  return value as IdentifyResult;
}
