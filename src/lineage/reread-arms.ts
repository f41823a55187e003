import { changeArms, changePace } from './arm-changes.ts';
import type { Distances } from './distances.ts';
import { type Effort, fitReading, GLANCE, GLIMPSE, LOOK, type Reading } from './fit-movement.ts';
import type { Arm } from './movement-edges.ts';

/** Readings that are looked at more closely, of those that were glanced at; and of these. */
const GLIMPSED = 16;
const LOOKED_AT = 4;
/** Odds by which another reading must be likelier. */
export const LEAST_ODDS = Math.log(20);
/** The same where a run that stands alone is taken for two. */
const ODDS_ALONE = Math.log(100);
const MOST_ROUNDS = 12;

const keyOf = (arms: readonly Arm[]): string =>
  arms
    .map(({ nodes, parent, follows }) => `${parent ?? ''}<${nodes}${follows ? '=' : ''}`)
    .sort()
    .join(' ');

/** The likeliest readings, each once, best first. */
function sift(
  candidates: Iterable<readonly Arm[]>,
  most: number,
  effort: Effort,
  memory: number | undefined,
  distances: Distances,
): readonly Reading[] {
  const seen = new Set<string>();
  const found: (Reading & { readonly key: string })[] = [];
  for (const arms of candidates) {
    const key = keyOf(arms);
    if (seen.has(key)) continue;
    seen.add(key);
    const reading = fitReading(arms, distances, effort, memory);
    if (reading !== undefined) found.push({ ...reading, key });
  }
  return found.sort((a, b) => b.nats - a.nats || (a.key < b.key ? -1 : 1)).slice(0, most);
}

function* withPaces(candidates: Iterable<readonly Arm[]>): Iterable<readonly Arm[]> {
  for (const arms of candidates) {
    yield arms;
    yield* changePace(arms);
  }
}

/** Which readings may take the place of the one that is there. */
export type IsAllowed = (arms: readonly Arm[]) => boolean;

/** Nats that a reading must gain. A further run is a claim, and each of the readings that were tried a chance to make it wrongly; other changes only choose among as many runs. */
function oddsFor(changed: readonly Arm[], arms: readonly Arm[], tried: number): number {
  if (changed.length <= arms.length) return LEAST_ODDS;
  return (arms.length === 1 ? ODDS_ALONE : LEAST_ODDS) + Math.log(tried);
}

/** The likeliest reading that is one change away, if it is likelier by enough. */
function bestChange(now: Reading, distances: Distances, isAllowed: IsAllowed): Reading | undefined {
  const { arms, memory } = now;
  const all = [...withPaces([...changeArms(arms)].filter(isAllowed)), ...changePace(arms)];
  const efforts = [
    { effort: GLANCE, most: GLIMPSED },
    { effort: GLIMPSE, most: LOOKED_AT },
    { effort: LOOK, most: LOOKED_AT },
  ];
  let candidates: readonly (readonly Arm[])[] = all;
  let readings: readonly Reading[] = [];
  for (const { effort, most } of efforts) {
    readings = sift(candidates, most, effort, memory, distances);
    candidates = readings.map((reading) => reading.arms);
  }
  return readings.find((reading) => reading.nats - now.nats > oddsFor(reading.arms, arms, all.length));
}

/**
 * Reads checkpoints anew where another way to deal them to runs, and to hang these on each other, makes their distances likelier: by a model of how
 * trajectories move, one change after the other.
 *
 * @returns undefined where the reading stays as it is.
 */
export function rereadArms(
  arms: readonly Arm[],
  distances: Distances,
  isAllowed: IsAllowed = () => true,
): Reading | undefined {
  let [now] = sift(withPaces([arms]), 1, LOOK, undefined, distances);
  let changed: Reading | undefined;
  for (let round = 0; now !== undefined && round < MOST_ROUNDS; round++) {
    const best = bestChange(now, distances, isAllowed);
    if (best === undefined) break;
    changed = best;
    now = best;
  }
  return changed;
}
