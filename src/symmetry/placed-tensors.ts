import type { WeightArray, Weights } from '../tensors/weights.ts';
import type { AxisGraph, AxisLabel, TensorAxes } from './axis-graph.ts';

/** A tensor of one checkpoint in the view that its axis labels speak of. */
export interface PlacedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly labels: readonly AxisLabel[];
  readonly data: Float32Array;
}

/** Yields the tensors that the graph places and the checkpoint holds in a fitting shape, in the graph's order. */
export function placedTensors(weights: Weights, graph: AxisGraph): PlacedTensor[] {
  const placed: PlacedTensor[] = [];
  for (const [name, axes] of graph.tensors) {
    const array = weights.get(name);
    const shape = array && viewShape(array, axes);
    if (array && shape) placed.push({ name, shape, labels: axes.labels, data: array.data });
  }
  return placed;
}

/** The hidden space of a label; `null` for a feature or anchored axis. */
export function spaceOf(label: AxisLabel | undefined): string | null {
  if (label === undefined || label === null) return null;
  return typeof label === 'string' ? label : label.space;
}

/** Number of heads of a label: 1 for a plain axis. */
export function headsOf(label: AxisLabel | undefined): number {
  return label !== null && typeof label === 'object' ? label.heads : 1;
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}

/** Elements between neighbours along each axis of a row-major array. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return strides;
}

function viewShape(array: WeightArray, axes: TensorAxes): readonly number[] | undefined {
  const shape = axes.reshape ?? array.shape;
  const fits = shape.length === axes.labels.length && product(shape) === array.data.length;
  return fits ? shape : undefined;
}
