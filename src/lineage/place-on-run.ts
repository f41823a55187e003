import type { ManifestId } from '../objects/ids.ts';
import { type BaseOnRun, weighBaseOnRun } from './base-on-run.ts';
import type { Case, Finding, Ground } from './case.ts';
import { addScaled, comparedCount, matricesOf, squaredDistance, type Vector, vectorOf } from './comparison.ts';
import { hasSketch } from './copies.ts';
import { type Excess, excessOver } from './natural-movement.ts';
import { positionOn, type Surroundings } from './position.ts';
import type { RelationWord } from './relation.ts';
import { loadVectors, openRun, type Run } from './run-vectors.ts';
import { fitSegment, isInLune, type SegmentFit } from './segment.ts';
import { whiteness } from './whiteness.ts';

/** A residual this white, in standard deviations, is noise; structured ones of real training reach tens. */
const WHITE = 4;
/** A projection on the run beyond this many standard errors is no accident. */
const ALONG = 4;
/** Share of an interval that a position is off by anyway: nearer to an end than this is at the end. */
const AT_AN_END = 0.15;
/** Excess over the run's own movement, in its standard deviations, that needs another explanation than the run. */
const EXCESS = 4;
/** Runs that compete for the segment. */
const RUNS = 4;

/** Decides where on a run a query lies that is no copy, mixture or low-rank change of its base (lineage.md, A2 steps 9 to 11). */
export async function placeOnRun(subject: Case, ground: Ground): Promise<Finding> {
  const query = vectorOf(subject.frame.sample, ground.comparison);
  const base = ground.isAligned ? ground.base : await baseOfNearestSegment(subject, ground, query);
  const run = openRun(subject, base, ground.comparison);
  const own = await run.vector(run.at);
  const residual = addScaled(query, -1, own);
  const white = whiteness(matricesOf(residual, ground.comparison));
  const along = await projections(run, ground, residual, own);
  const position = subject.archive.member(base).position;
  const at = { base, ...(position === undefined ? {} : { position }), parents: [{ id: base, weight: 1 }] };
  const segments = await segmentsRound(run, query);
  const best = segments[0];
  if (white < WHITE && along.every((z) => Math.abs(z) < ALONG)) {
    // A residual that is white and yet does not point along the run is noise on the stored checkpoint itself.
    return { ...at, words: ['perturbed'], sureness: surenessOf(WHITE - white), notes: [] };
  }
  if (!best) return { ...at, words: ['fine-tuned'], sureness: run.members.length < 2 ? 0.8 : 0.7, notes: [] };
  return { ...at, ...(await describe(subject, ground, run, best, query)) };
}

/** Confidence of a word from the distance of its statistic to the threshold, in standard deviations. */
function surenessOf(margin: number): number {
  return 1 / (1 + Math.exp(-0.5 - Math.min(Math.max(margin, 0), 20)));
}

/**
 * How sure it is that a checkpoint is the run's own, and not the first of a branch that goes on more slowly: by the densities of its excess, fitted to
 * 576 held-out checkpoints and 24 first checkpoints at .3 of the rate, of the zoos that are developed on; three to one before anything is known.
 */
function sureOfBetween(z: number): number {
  const density = (centre: number, deviation: number) => Math.exp(-(((z - centre) / deviation) ** 2) / 2) / deviation;
  const own = 3 * density(0.3, 1);
  return own / (own + density(2.2, 2.2));
}

/** The checkpoint nearest to the query on the run whose segment lies nearest, which need not be the run of the nearest checkpoint. */
async function baseOfNearestSegment(subject: Case, ground: Ground, query: Vector): Promise<ManifestId> {
  const { archive } = subject;
  const near = ground.ranked.slice(0, 12).map(({ id }) => id);
  const ownRun = archive.member(ground.base).trajectory;
  const runs = [...new Set([ownRun, ...near.map((id) => archive.member(id).trajectory)])].slice(0, RUNS);
  let best = { residual: Number.POSITIVE_INFINITY, id: ground.base };
  for (const name of runs) {
    const top = name === ownRun ? ground.base : near.find((id) => archive.member(id).trajectory === name);
    if (top === undefined || name === undefined) continue;
    for (const fit of await segmentsRound(openRun(subject, top, ground.comparison), query)) {
      const inside = fit.along > -0.02 && fit.along < 1.02;
      if ((inside || name === ownRun) && fit.residual < best.residual) best = { residual: fit.residual, id: top };
    }
  }
  return best.id;
}

/** The segments before and after the base, the one that fits best first. */
async function segmentsRound(run: Run, query: Vector): Promise<SegmentFit[]> {
  const fits: SegmentFit[] = [];
  for (const index of [run.at - 1, run.at]) {
    if (index < 0 || index + 1 >= run.members.length) continue;
    const [start, end] = [await run.vector(index), await run.vector(index + 1)];
    if (squaredDistance(start, end) > 0) fits.push(fitSegment(index, start, end, query));
  }
  return fits.sort((a, b) => a.residual - b.residual);
}

/** How far the residual points along the steps before and after the base, in standard errors; every tensor has its own noise. */
async function projections(run: Run, ground: Ground, residual: Vector, own: Vector): Promise<number[]> {
  const levels = noiseLevels(residual, ground);
  const found: number[] = [];
  for (const index of [run.at - 1, run.at + 1]) {
    if (index < 0 || index >= run.members.length) continue;
    const step = addScaled(await run.vector(index), -1, own);
    let product = 0;
    let energy = 0;
    for (let i = 0; i < step.length; i++) {
      const level = levels[i] ?? 1;
      product += ((residual[i] ?? 0) * (step[i] ?? 0)) / level;
      energy += (step[i] ?? 0) ** 2 / level;
    }
    if (energy > 0) found.push(product / Math.sqrt(energy));
  }
  return found;
}

/** Mean square of the residual of the tensor that each value belongs to. */
function noiseLevels(residual: Vector, { comparison }: Ground): Float64Array {
  const levels = new Float64Array(residual.length);
  let at = 0;
  for (const name of comparison.names) {
    const count = comparedCount(comparison, name);
    let energy = 0;
    for (let i = at; i < at + count; i++) energy += (residual[i] ?? 0) ** 2;
    levels.fill(Math.max(energy / Math.max(count, 1), 1e-60), at, at + count);
    at += count;
  }
  return levels;
}

type Described = Pick<
  Finding,
  'base' | 'parents' | 'baseSureness' | 'baseWithinOne' | 'words' | 'position' | 'sureness' | 'notes'
>;

async function describe(subject: Case, ground: Ground, run: Run, fit: SegmentFit, query: Vector): Promise<Described> {
  const vectors = await loadVectors(run, fit.index - 5, fit.index + 6);
  const noise = latticeNoise(ground);
  const excess = excessOver(vectors, fit.index, query, ground.comparison, noise);
  const isLast = fit.index + 2 === run.members.length && !isInLune(fit);
  const { words, sureness } = wordsFor(fit, excess, isLast, longestRecentStep(vectors, fit));
  const trained = words.includes('fine-tuned') ? weighBase(subject, ground, run, vectors, query) : undefined;
  const nearer = run.members[trained?.index ?? (fit.toStart <= fit.toEnd ? fit.index : fit.index + 1)];
  const place = positionOn(surroundings(run, vectors, fit.index), fit.along);
  const beyond = words.includes('next') ? run.position(run.members.length - 1) + overshoot(run, fit) : place;
  const isOnRun = words.includes('between') || words.includes('next');
  const atBase = nearer?.position ?? place;
  const hasPlace = subject.archive.member(nearer?.id ?? ground.base).position !== undefined;
  return {
    base: nearer?.id ?? ground.base,
    parents: [{ id: nearer?.id ?? ground.base, weight: 1 }],
    words,
    ...(hasPlace ? { position: isOnRun ? beyond : atBase } : {}),
    sureness,
    ...(trained === undefined
      ? {}
      : { baseSureness: trained.probability, baseWithinOne: trained.probabilityWithinOne }),
    notes: [],
  };
}

/** By sketches where they are of what is compared, else by the weights round the segment. */
function weighBase(
  { query }: Case,
  { words, isAligned }: Ground,
  run: Run,
  vectors: readonly (Vector | undefined)[],
  vector: Vector,
): BaseOnRun | undefined {
  const isPlain = !isAligned && words.every((word) => word === 'cast');
  if (isPlain && run.members.every(hasSketch)) {
    const sketches = run.members.map(({ summary }) => summary.centred);
    return weighBaseOnRun(sketches, query.summary.centred);
  }
  const loaded = vectors.flatMap((found, index) => (found === undefined ? [] : [{ index, found }]));
  const found = weighBaseOnRun(
    loaded.map((station) => Float32Array.from(station.found)),
    Float32Array.from(vector),
  );
  const index = loaded[found?.index ?? -1]?.index;
  return found === undefined || index === undefined ? undefined : { ...found, index };
}

/** Energy that rounding to a lattice leaves: a twelfth of the squared step. */
function latticeNoise({ roundings, comparison }: Ground): number {
  let energy = 0;
  for (const name of comparison.names) {
    const halfSteps = roundings.get(name)?.halfSteps;
    const mask = comparison.masks.get(name);
    halfSteps?.forEach((half, i) => {
      if (!mask || mask[i] === 1) energy += (half * half) / 3;
    });
  }
  return energy;
}

function longestRecentStep(vectors: readonly (Vector | undefined)[], fit: SegmentFit): number {
  let longest = 0;
  for (let i = Math.max(0, fit.index - 4); i <= fit.index + 1; i++) {
    const [a, b] = [vectors[i], vectors[i + 1]];
    if (a && b) longest = Math.max(longest, squaredDistance(a, b));
  }
  return longest > 0 ? longest : fit.squaredLength;
}

function wordsFor(
  fit: SegmentFit,
  excess: Excess | undefined,
  isLast: boolean,
  longestStep: number,
): { readonly words: RelationWord[]; readonly sureness: number } {
  const inLune = isInLune(fit);
  const along = Math.min(1, Math.max(0, fit.along));
  const at: RelationWord[] = Math.min(along, 1 - along) < AT_AN_END ? [] : ['between'];
  if (!excess)
    return {
      words: [inLune ? 'between' : isLast && fit.toEnd < 2 * longestStep ? 'next' : 'fine-tuned'],
      sureness: 0.6,
    };
  const sureness = surenessOf(Math.abs(excess.z - EXCESS) - 0.5);
  if (excess.z < EXCESS) {
    if (inLune) return { words: ['between'], sureness: sureOfBetween(excess.z) };
    return { words: [isLast ? 'next' : 'fine-tuned'], sureness };
  }
  // Without its strongest directions the movement is the run's own.
  if (excess.zWithoutTop < EXCESS && excess.zWithoutTop !== 0) return { words: [...at, 'low-rank'], sureness: 0.7 };
  // What natural movement plus white noise of that energy would show.
  if (excess.whiteness < Math.max(WHITE, (2 * excess.naturalWhiteness) / excess.ratio))
    return { words: [...at, 'perturbed'], sureness: 0.8 };
  if (isLast && fit.toEnd < 2 * longestStep) return { words: ['next'], sureness: 0.7 };
  return { words: ['fine-tuned'], sureness };
}

function surroundings(run: Run, vectors: readonly (Vector | undefined)[], index: number): Surroundings {
  const station = (i: number) => {
    const vector = vectors[i];
    return vector && { position: run.position(i), vector };
  };
  const empty = { position: 0, vector: new Float64Array(0) };
  const before = station(index - 1);
  const after = station(index + 2);
  return {
    ...(before ? { before } : {}),
    start: station(index) ?? empty,
    end: station(index + 1) ?? empty,
    ...(after ? { after } : {}),
  };
}

/** Intervals beyond the last checkpoint, from the run's last step. */
function overshoot(run: Run, fit: SegmentFit): number {
  const last = run.members.length - 1;
  const interval = run.position(last) - run.position(last - 1);
  return interval * Math.min(Math.sqrt(fit.toEnd / fit.squaredLength), 4);
}
