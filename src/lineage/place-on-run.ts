import type { ManifestId } from '../objects/ids.ts';
import { type BaseOnRun, weighBaseOnRun } from './base-on-run.ts';
import type { Case, Finding, Ground } from './case.ts';
import { addScaled, comparedCount, matricesOf, squaredDistance, type Vector, vectorOf } from './comparison.ts';
import { hasSketch } from './copies.ts';
import { excessOver } from './natural-movement.ts';
import { positionOn, type Surroundings } from './position.ts';
import { loadVectors, openRun, type Run } from './run-vectors.ts';
import { fitSegment, isInLune, type SegmentFit } from './segment.ts';
import { whiteness } from './whiteness.ts';
import { surenessOf, WHITE, wordsFor } from './words-on-run.ts';

/** A projection on the run beyond this many standard errors is no accident. */
const ALONG = 4;
/** Runs that compete for the segment. */
const RUNS = 4;

/** Decides where on a run a query lies that is no copy, mixture or low-rank change of its base (lineage.md, A2 steps 9 to 11). */
export async function placeOnRun(subject: Case, ground: Ground): Promise<Finding> {
  const query = vectorOf(subject.frame.sample, ground.comparison);
  const copied = await placeOnCopied(subject, ground, query);
  if (copied) return copied;
  const bases = ground.isAligned ? [ground.base] : await basesByNearestSegment(subject, ground, query);
  const found: Finding[] = [];
  for (const base of bases) found.push(await placeOnRunOf(subject, ground, base, query));
  const [first] = found;
  if (first === undefined) throw new RangeError('A query has a base.');
  // A run on which the query lies as its own checkpoints do explains it, and the better the more so; one that merely passes nearer does not.
  const [natural] = found.filter(({ words }) => words.join() === 'between').sort((a, b) => b.sureness - a.sureness);
  return natural ?? found.find(({ words }) => !words.includes('fine-tuned')) ?? first;
}

async function placeOnRunOf(subject: Case, ground: Ground, base: ManifestId, query: Vector): Promise<Finding> {
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

/** Where all matrices are copies of the base's, and vectors differ: set anew, or those of what was replaced; noise is seen in matrices. */
async function placeOnCopied(
  { archive, weightsOf }: Case,
  { base, words, comparison }: Ground,
  query: Vector,
): Promise<Finding | undefined> {
  const residual = addScaled(query, -1, vectorOf(await weightsOf(base), comparison));
  const isCopied = matricesOf(residual, comparison).every(
    ({ matrix, mask }) => !mask && matrix.data.every((x) => x === 0),
  );
  if (!isCopied) return undefined;
  const { position } = archive.member(base);
  const isExplained = words.includes('head-replaced');
  return {
    base,
    ...(position === undefined ? {} : { position }),
    parents: [{ id: base, weight: 1 }],
    words: isExplained ? [] : ['fine-tuned'],
    sureness: isExplained ? 0.9 : 0.5,
    notes: ['All matrices are copies; only vectors differ.'],
  };
}

/** The nearest checkpoint of each run that competes, the run whose segment lies nearest first; it need not be the run of the nearest checkpoint. */
async function basesByNearestSegment(subject: Case, ground: Ground, query: Vector): Promise<readonly ManifestId[]> {
  const { archive } = subject;
  const near = ground.ranked.slice(0, 12).map(({ id }) => id);
  const ownRun = archive.member(ground.base).trajectory;
  const runs = [...new Set([ownRun, ...near.map((id) => archive.member(id).trajectory)])].slice(0, RUNS);
  const found: { readonly id: ManifestId; readonly residual: number }[] = [];
  for (const name of runs) {
    const top = name === ownRun ? ground.base : near.find((id) => archive.member(id).trajectory === name);
    if (top === undefined || name === undefined) continue;
    const fits = await segmentsRound(openRun(subject, top, ground.comparison), query);
    const fit = fits.find(({ along }) => name === ownRun || (along > -0.02 && along < 1.02));
    if (fit !== undefined) found.push({ id: top, residual: fit.residual });
  }
  found.sort((a, b) => a.residual - b.residual);
  return found.length === 0 ? [ground.base] : found.map(({ id }) => id);
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
  // What was cut or folded has other sketches than its file.
  const isPlain = !isAligned && query.logChoices === undefined && words.every((word) => word === 'cast');
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
