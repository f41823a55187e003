import { changeArms, changePace } from './arm-changes.ts';
import type { Distances } from './distances.ts';
import { type Effort, fitReading, GLANCE, GLIMPSE, LOOK, type Reading } from './fit-movement.ts';
import type { Arm } from './movement-edges.ts';

/** Readings that are looked at more closely, of those that were glanced at; and of these. */
const GLIMPSED = 16;
const LOOKED_AT = 4;
/** Odds by which another reading must be likelier, whatever the number that it was chosen from. */
const LEAST_ODDS = Math.log(20);
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

/** The likeliest reading that is one change away. */
function bestChange(
  { arms, memory }: Reading,
  distances: Distances,
): { readonly best: Reading | undefined; readonly tried: number } {
  const all = [...withPaces([...changeArms(arms)]), ...changePace(arms)];
  const glanced = sift(all, GLIMPSED, GLANCE, memory, distances);
  const glimpsed = sift(
    glanced.map((reading) => reading.arms),
    LOOKED_AT,
    GLIMPSE,
    memory,
    distances,
  );
  const [best] = sift(
    glimpsed.map((reading) => reading.arms),
    1,
    LOOK,
    memory,
    distances,
  );
  return { best, tried: all.length };
}

/**
 * Reads checkpoints anew where another way to deal them to runs, and to hang these on each other, makes their distances likelier: by a model of how
 * trajectories move, one change after the other.
 *
 * @returns undefined where the reading stays as it is.
 */
export function rereadArms(arms: readonly Arm[], distances: Distances): Reading | undefined {
  let [now] = sift(withPaces([arms]), 1, LOOK, undefined, distances);
  let changed: Reading | undefined;
  for (let round = 0; now !== undefined && round < MOST_ROUNDS; round++) {
    const { best, tried } = bestChange(now, distances);
    if (best === undefined) break;
    if (best.nats - now.nats <= LEAST_ODDS + Math.log(Math.max(tried, 1))) break;
    changed = best;
    now = best;
  }
  return changed;
}
