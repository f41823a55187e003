import type { ManifestId } from '../objects/ids.ts';
import { allRows, keepRows, RANKED_VALUES, thinRows } from '../tensors/row-sample.ts';
import { shapesOf } from '../tensors/shapes-of.ts';
import type { WeightArray, WeightSample, Weights } from '../tensors/weights.ts';

/** Checkpoints of more weights than this are read as samples; the whole where a test needs it. */
export const LARGEST_WHOLE = 1 << 20;

/** Number of values of a checkpoint. */
export function valueCount(weights: Weights): number {
  let count = 0;
  for (const { data } of weights.values()) count += data.length;
  return count;
}

/**
 * Takes some rows of the large tensors, so that all together stay within a budget; the same rows for equal shapes and totals.
 *
 * @param total - values of the whole checkpoint; of what is compared with a sample that was taken of more, that of the other.
 */
export function sampleRows(weights: Weights, total = valueCount(weights)): Weights {
  if (total <= RANKED_VALUES) return weights;
  const sampled = new Map<string, WeightArray>();
  let isCut = false;
  for (const [name, tensor] of weights) {
    const thinned = thin(tensor, total);
    isCut ||= thinned !== tensor;
    sampled.set(name, thinned);
  }
  return isCut ? sampled : weights;
}

function thin(tensor: WeightArray, total: number): WeightArray {
  const { shape, data } = tensor;
  const all = allRows(shape, data.length);
  const kept = thinRows(all, shape, total);
  if (kept.rows.length === all.rows.length) return tensor;
  const values = new Float32Array(kept.rows.length * kept.width);
  keepRows(data, 0, values, kept);
  return { shape: [kept.rows.length, ...shape.slice(1)], data: values };
}

/** Samples of checkpoints whose weights are had in another way than from a store. */
export async function sampleEach(
  ids: readonly ManifestId[],
  weightsOf: (id: ManifestId) => Promise<Weights>,
): Promise<ReadonlyMap<ManifestId, WeightSample>> {
  const samples = new Map<ManifestId, WeightSample>();
  for (const id of ids) samples.set(id, sampleOfWeights(await weightsOf(id)));
  return samples;
}

export function sampleOfWeights(weights: Weights): WeightSample {
  const sampled = sampleRows(weights);
  if (sampled === weights) return { weights, shapes: shapesOf(weights) };
  // A list of its own: the sample is kept for longer than the weights.
  const shapes = new Map<string, readonly number[]>();
  for (const [name, { shape }] of weights) shapes.set(name, shape);
  return { weights: sampled, shapes };
}
