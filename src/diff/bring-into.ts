import type { WeightArray, Weights } from '../tensors/weights.ts';
import { type Layout, layoutOffsets } from './layout.ts';
import { putSlice, type Slice, takeSlice } from './slice.ts';
import type { TensorPair } from './tensor-pair.ts';

/** The candidate's weights under the query's names, with the query's axes; tensors without a pair are left out. */
export function bringInto(pairs: readonly TensorPair[], candidate: Weights): Weights {
  const brought = new Map<string, WeightArray>();
  for (const pair of pairs) {
    const tensor = candidate.get(pair.candidate);
    if (!tensor) continue;
    const taken = pair.taken ? takeSlice(tensor, pair.taken) : tensor;
    const turned = pair.layout ? rearrange(taken, pair.layout) : taken;
    brought.set(pair.query, pair.placed ? place(turned, pair.placed, brought.get(pair.query)) : turned);
  }
  return brought;
}

function place(part: WeightArray, slice: Slice, begun: WeightArray | undefined): WeightArray {
  const whole = begun ?? { shape: slice.whole, data: new Float32Array(slice.count * part.data.length) };
  putSlice(part, slice, whole.data);
  return whole;
}

function rearrange(tensor: WeightArray, layout: Layout): WeightArray {
  const offsets = layoutOffsets(layout, 1);
  const data = new Float32Array(offsets.length);
  for (let i = 0; i < data.length; i++) data[i] = tensor.data[offsets[i] ?? 0] ?? 0;
  return { shape: layout.shape, data };
}
