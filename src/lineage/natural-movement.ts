import { type Comparison, dot, matricesOf, squaredDistance, type Vector } from './comparison.ts';
import { topOfSpectrum } from './largest-eigenvalues.ts';
import { fitSegment, perpendicular } from './segment.ts';
import { whiteness } from './whiteness.ts';

/** How a query's distance from its segment compares with how the run's own checkpoints lie between their neighbours. */
export interface Excess {
  /** ln of the ratio of perpendicular energies, over its spread along the run. */
  readonly z: number;
  /** The same without the strongest directions of every matrix. */
  readonly zWithoutTop: number;
  /** The ratio itself. */
  readonly ratio: number;
  readonly whiteness: number;
  /** Whiteness of the run's own perpendicular movement. */
  readonly naturalWhiteness: number;
  /** How much ln of the perpendicular energies varies along the run. */
  readonly spread: number;
}

/** Directions that a small adapter may take up in one matrix. */
const TOP = 4;
/** Matrices with a smaller side have no rest beyond their top directions. */
const LEAST_SIDE = 8;
/** Spread of ln energy along a run when too few triples tell, and the least it is taken for (measured on smooth runs: .2 to .3). */
const SPREAD = { unknown: 0.5, least: 0.35 };

/** A perpendicular and the energy that its place on the segment lets a smooth curve have: l^2 4 t (1 - t). */
interface Bow {
  readonly at: number;
  readonly vector: Vector;
  readonly scale: number;
}

/**
 * Measures the excess of a query on segment `index` of a run whose vectors are given by position in `run` (undefined where not loaded).
 * `noise`: energy that the query's own rounding explains. Undefined when the run has no two triples near.
 */
export function excessOver(
  run: readonly (Vector | undefined)[],
  index: number,
  query: Vector,
  comparison: Comparison,
  noise: number,
): Excess | undefined {
  const triples = naturalBows(run, index);
  if (triples.length < 2) return undefined;
  const near = triples.filter(({ at }) => at === index || at === index + 1);
  const own = near.length > 0 ? near : triples.slice(0, 1);
  const bow = bowOf(run[index], run[index + 1], query, index);
  if (!bow) return undefined;
  const logs = triples.map(({ vector, scale }) => safeLog(dot(vector, vector) / scale));
  const spread = spreadOf(logs);
  const energy = dot(bow.vector, bow.vector);
  const z =
    (safeLog(Math.max(energy - noise, 0.1 * energy) / bow.scale) -
      mean(own.map((b) => safeLog(dot(b.vector, b.vector) / b.scale)))) /
    spread;
  const rest = restEnergy(bow.vector, comparison);
  const natural = mean(own.map((b) => safeLog(restEnergy(b.vector, comparison) / b.scale)));
  return {
    z,
    zWithoutTop: rest > 0 ? (safeLog(rest / bow.scale) - natural) / spread : 0,
    ratio: Math.exp(Math.min(z * spread, 30)),
    whiteness: whiteness(matricesOf(bow.vector, comparison)),
    naturalWhiteness: whiteness(matricesOf(own[0]?.vector ?? bow.vector, comparison)),
    spread,
  };
}

function naturalBows(run: readonly (Vector | undefined)[], index: number): Bow[] {
  const bows: Bow[] = [];
  for (let k = Math.max(1, index - 3); k < Math.min(run.length - 1, index + 5); k++) {
    const query = run[k];
    const bow = query && bowOf(run[k - 1], run[k + 1], query, k);
    if (bow) bows.push(bow);
  }
  return bows;
}

function bowOf(start: Vector | undefined, end: Vector | undefined, query: Vector, at: number): Bow | undefined {
  if (!start || !end || squaredDistance(start, end) === 0) return undefined;
  const fit = fitSegment(at, start, end, query);
  const t = Math.min(0.9, Math.max(0.1, fit.along));
  return { at, vector: perpendicular(start, end, query), scale: fit.squaredLength * 4 * t * (1 - t) };
}

/** Energy of the matrices beyond their strongest directions. */
function restEnergy(vector: Vector, comparison: Comparison): number {
  let energy = 0;
  for (const { matrix } of matricesOf(vector, comparison)) {
    if (Math.min(matrix.rows, matrix.columns) < LEAST_SIDE) continue;
    const { largest, total } = topOfSpectrum(matrix, TOP);
    energy += Math.max(0, total - largest.reduce((sum, x) => sum + x, 0));
  }
  return energy;
}

const safeLog = (x: number) => Math.log(Math.max(x, 1e-12));
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / Math.max(values.length, 1);

function spreadOf(logs: readonly number[]): number {
  if (logs.length <= 2) return SPREAD.unknown;
  const steps = logs.slice(1).map((x, i) => x - (logs[i] ?? 0));
  const middle = mean(steps);
  return Math.max(Math.sqrt(mean(steps.map((x) => (x - middle) ** 2))), SPREAD.least);
}
