import type { Weights } from '../tensors/weights.ts';
import type { AxisGraph } from './axis-graph.ts';
import { type PlacedTensor, placedTensors, product, spaceOf } from './placed-tensors.ts';

/** What happens to the units of each space; spaces that are not named stay as they are. */
export interface UnitTransform {
  /** `units.get(space)[i]` is the old number of the unit that comes to place i. */
  readonly units: ReadonlyMap<string, Int32Array>;
  /** Factor of the unit at the new place i: on what comes in, and its inverse on what goes out. May be negative. */
  readonly factors: ReadonlyMap<string, Float64Array>;
}

/** Reorders and rescales the hidden units of a checkpoint, consistently in all its placed tensors; the others are passed on as they are. */
export function transformUnits(weights: Weights, graph: AxisGraph, transform: UnitTransform): Weights {
  const out = new Map(weights);
  for (const tensor of placedTensors(weights, graph)) {
    const shape = weights.get(tensor.name)?.shape ?? tensor.shape;
    out.set(tensor.name, { shape, data: transformTensor(tensor, transform) });
  }
  return out;
}

/** Whether an axis of a placed tensor carries what goes into its units (weights, biases, norms), or what their readers take from them. */
export function isIncoming(axis: number): boolean {
  return axis === 0;
}

/** The values of one placed tensor after the transform, in its own order of elements. */
export function transformTensor(tensor: PlacedTensor, transform: UnitTransform): Float32Array {
  let data = tensor.data;
  for (const [axis, label] of tensor.labels.entries()) {
    const space = spaceOf(label);
    const units = space === null ? undefined : transform.units.get(space);
    const factors = space === null ? undefined : transform.factors.get(space);
    if (units || factors) data = transformAxis(tensor, data, axis, units, factors);
  }
  return data === tensor.data ? data.slice() : data;
}

function transformAxis(
  tensor: PlacedTensor,
  data: Float32Array,
  axis: number,
  units: Int32Array | undefined,
  factors: Float64Array | undefined,
): Float32Array {
  const size = tensor.shape[axis] ?? 1;
  const inner = product(tensor.shape.slice(axis + 1));
  const out = new Float32Array(data.length);
  for (let block = 0; block * inner < data.length; block++) {
    const unit = block % size;
    const from = (block - unit + (units?.[unit] ?? unit)) * inner;
    const factor = factors?.[unit] ?? 1;
    const by = isIncoming(axis) ? factor : 1 / factor;
    for (let k = 0; k < inner; k++) out[block * inner + k] = (data[from + k] ?? 0) * by;
  }
  return out;
}
