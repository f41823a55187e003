import type { WeightArray, Weights } from '../tensors/weights.ts';

/** Values of one checkpoint that ranking and relation look at: half a million weights place a checkpoint as well as all do. */
const SAMPLED_VALUES = 1 << 19;
/** A tensor is never cut below this. */
const LEAST_VALUES = 4096;

/** Takes every k-th row of the large tensors, so that all together stay within a budget; the same rows for equal shapes. */
export function sampleRows(weights: Weights): Weights {
  let total = 0;
  for (const { data } of weights.values()) total += data.length;
  if (total <= SAMPLED_VALUES) return weights;
  return new Map([...weights].map(([name, tensor]) => [name, sampled(tensor, total)]));
}

function sampled(tensor: WeightArray, total: number): WeightArray {
  const rows = tensor.shape[0] ?? 1;
  const budget = Math.max(LEAST_VALUES, (tensor.data.length * SAMPLED_VALUES) / total);
  const step = Math.min(rows, Math.floor(tensor.data.length / budget));
  if (step <= 1) return tensor;
  const columns = tensor.data.length / rows;
  const kept = Math.ceil(rows / step);
  const data = new Float32Array(kept * columns);
  for (let i = 0; i < kept; i++)
    data.set(tensor.data.subarray(i * step * columns, (i * step + 1) * columns), i * columns);
  return { shape: [kept, ...tensor.shape.slice(1)], data };
}
