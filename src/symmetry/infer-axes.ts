import type { GraphLayer, TensorRole } from '../formats/format.ts';
import type { AxisGraph } from './axis-graph.ts';
import { inferFromLayers } from './layers/infer-from-layers.ts';
import { inferFromNames } from './names/infer-from-names.ts';

/** What the inference needs to know of a tensor; its axes are channels-first. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: TensorRole;
}

/**
 * Finds out which axes are hidden units: from the file's own graph when it has one, otherwise from names and shapes. Never takes an anchored axis for
 * a hidden one; what is not sure stays unplaced, with the reason.
 */
export function inferAxisGraph(tensors: readonly TensorShape[], layers?: readonly GraphLayer[]): AxisGraph {
  const weights = tensors.filter((tensor) => tensor.role === 'weight');
  return layers === undefined ? inferFromNames(weights) : inferFromLayers(weights, layers);
}
