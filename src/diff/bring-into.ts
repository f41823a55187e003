import type { WeightArray, Weights } from '../tensors/weights.ts';
import { type Layout, layoutOffsets } from './layout.ts';
import { putSlice, type Slice, takeSlice } from './slice.ts';
import { isInPlacePair, type TensorPair } from './tensor-pair.ts';

/** The candidate's weights under the query's names, with the query's axes; tensors without a pair are left out. */
export function bringInto(pairs: readonly TensorPair[], candidate: Weights): Weights {
  if (isAsItStands(pairs, candidate)) return candidate;
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

/** True where every tensor is the query's of that name, in the same order. */
function isAsItStands(pairs: readonly TensorPair[], candidate: Weights): boolean {
  if (pairs.length !== candidate.size) return false;
  let at = 0;
  for (const name of candidate.keys()) {
    const pair = pairs[at++];
    if (pair === undefined || pair.candidate !== name || !isInPlacePair(pair)) return false;
  }
  return true;
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
