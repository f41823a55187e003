import type { ManifestId } from '../objects/ids.ts';
import { finishSketch } from '../sketch/count-sketch.ts';
import { sketchCosine } from '../sketch/sketch-distance.ts';
import { startSketch } from '../sketch/small-sketch.ts';
import { createSketchTotals } from '../sketch/tensor-sketch.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import type { ForestMemo } from './forest-memo.ts';
import type { Archive, Member } from './model.ts';
import { varianceOfPermuted } from './permuted-cosine.ts';

/** Checkpoints that are permuted (of small piles, more than once), and those that they are compared with. */
const PERMUTED = 6;
const COMPARED = 64;
/** Cosines that a deviation is estimated from at least, to 5 %. */
const FEWEST_COSINES = 200;
/** Networks of more weights are not sketched again and again: their variance is worked out from a part of each matrix. */
const LARGEST_SKETCHED = 1 << 16;
/** Large networks whose variance is worked out; each is read whole for it. */
const LARGE_READ = 2;

/** The cosine of the centred sketches of unrelated networks of one space. */
export interface CosineNull {
  readonly mean: number;
  readonly standardDeviation: number;
}

/** A small generator with a fixed seed (mulberry32): the same pile gives the same null. */
function createGenerator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function permuteRows({ shape, data }: WeightArray, random: () => number): Float32Array {
  const rows = shape[0] ?? 1;
  const width = data.length / rows;
  const order = Array.from({ length: rows }, (_, i) => i);
  for (let i = rows - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  const permuted = new Float32Array(data.length);
  order.forEach((from, to) => {
    permuted.set(data.subarray(from * width, (from + 1) * width), to * width);
  });
  return permuted;
}

/** The centred sketch of a network that has the same values in each of its units, but shares no unit's place. */
function sketchPermuted(weights: Weights, random: () => number): Float32Array {
  const totals = createSketchTotals();
  for (const array of weights.values()) {
    if (array.shape.length < 2) continue;
    const sketch = startSketch(array.shape, [...array.shape.keys()]);
    sketch.add(permuteRows(array, random));
    sketch.finish(totals);
  }
  return finishSketch(totals.centred);
}

/** Evenly spread over the list. */
function spread<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]).flatMap((item) =>
    item === undefined ? [] : [item],
  );
}

/** The same, of large networks. */
async function nullOfLarge(members: readonly Member[], archive: Archive, memo?: ForestMemo): Promise<CosineNull> {
  const chosen = spread(members, LARGE_READ);
  let variance = 0;
  for (const { id } of chosen) variance += (await recallVariance(id, archive, memo)) / chosen.length;
  return { mean: 0, standardDeviation: Math.sqrt(variance) };
}

async function recallVariance(id: ManifestId, archive: Archive, memo?: ForestMemo): Promise<number> {
  const key = `permuted ${id}`;
  const variance = memo?.numbers(key)?.[0] ?? varianceOfPermuted(await archive.weights(id));
  memo?.rememberNumbers(key, [variance]);
  return variance;
}

/**
 * Estimates the distribution of the cosine of unrelated networks from row-permuted copies (lineage.md, B1). It holds what any two
 * networks of the space share, and the error of the sketch.
 */
export async function estimateCosineNull(
  members: readonly Member[],
  archive: Archive,
  memo?: ForestMemo,
): Promise<CosineNull> {
  if ((members[0]?.summary.parameters ?? 0) > LARGEST_SKETCHED) return nullOfLarge(members, archive, memo);
  const random = createGenerator(members.length);
  const compared = spread(members, COMPARED);
  const cosines: number[] = [];
  const chosen = spread(members, PERMUTED);
  const times = Math.ceil(FEWEST_COSINES / (chosen.length * compared.length));
  for (const { id } of chosen) {
    const weights = await archive.weights(id);
    for (let time = 0; time < times; time++) {
      const permuted = sketchPermuted(weights, random);
      for (const { summary } of compared) cosines.push(sketchCosine(permuted, summary.centred));
    }
  }
  const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  const variance = cosines.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(cosines.length - 1, 1);
  return { mean, standardDeviation: Math.sqrt(variance) };
}
