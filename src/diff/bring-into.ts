import type { WeightArray, Weights } from '../tensors/weights.ts';
import { type Layout, layoutOffsets } from './layout.ts';
import type { TensorPair } from './tensor-pair.ts';

/** The candidate's weights under the query's names, with the query's axes; tensors without a pair are left out. */
export function bringInto(pairs: readonly TensorPair[], candidate: Weights): Weights {
  const brought = new Map<string, WeightArray>();
  for (const pair of pairs) {
    const tensor = candidate.get(pair.candidate);
    if (tensor) brought.set(pair.query, pair.layout ? rearrange(tensor, pair.layout) : tensor);
  }
  return brought;
}

function rearrange(tensor: WeightArray, layout: Layout): WeightArray {
  const offsets = layoutOffsets(layout, 1);
  const data = new Float32Array(offsets.length);
  for (let i = 0; i < data.length; i++) data[i] = tensor.data[offsets[i] ?? 0] ?? 0;
  return { shape: layout.shape, data };
}
