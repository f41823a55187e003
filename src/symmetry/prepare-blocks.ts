import type { Weights } from '../tensors/weights.ts';
import type { AxisGraph } from './axis-graph.ts';
import { energyOf, gridOf } from './grid.ts';
import { type Component, decompose, equalizeUnits } from './irreducible.ts';
import { blockOf, type KinshipBlock } from './kinship-block.ts';
import { findOrderedSpaces } from './ordered-spaces.ts';
import { type PlacedTensor, placedTensors } from './placed-tensors.ts';
import { mergeTwins } from './twins.ts';

/** Most feature columns of one block: a wide residual stream is read by hundreds of tensors. */
const MAX_BLOCK_FEATURES = 2048;
/** Share of a tensor's energy that centring must leave: what is below it is rounding of a constant tensor. */
const CONSTANT_ENERGY = 1e-12;

/**
 * Arranges a checkpoint into blocks, one a representation: twins merged, tensors split and centred, each tensor brought to rms 1, each unit to
 * norm 1. Spaces whose neighbouring units are alike (pixels, positions) are no hidden units and are left out.
 */
export function prepareBlocks(weights: Weights, graph: AxisGraph, equalize = true): ReadonlyMap<string, KinshipBlock> {
  const blocks = arrangeBlocks(weights, graph, equalize);
  const ordered = findOrderedSpaces(blocks);
  const kept = blocks.filter((block) => !block.axes.some((axis) => ordered.has(axis.space)));
  return new Map(kept.map((block) => [block.key, block]));
}

/** The blocks of a checkpoint, those of ordered spaces included. */
export function arrangeBlocks(weights: Weights, graph: AxisGraph, equalize = true): readonly KinshipBlock[] {
  const groups = new Map<string, { readonly components: Component[]; readonly tensors: string[] }>();
  for (const tensor of placedTensors(weights, mergeTwins(graph))) {
    for (const component of componentsOf(tensor)) {
      const group = groups.get(component.key) ?? { components: [], tensors: [] };
      group.components.push(component);
      group.tensors.push(tensor.name);
      groups.set(component.key, group);
    }
  }
  return [...groups.values()].map((group) => buildBlock(group.components, group.tensors, equalize));
}

/** Names what the blocks consist of. */
export function layoutOf(blocks: ReadonlyMap<string, KinshipBlock>): string {
  return [...blocks.values()].map((b) => `${b.key}:${b.rows}x${b.features}:${b.tensors.join(',')}`).join(';');
}

/** The tensor's components at a joint rms of 1; all zero for a constant tensor; none for one that is not finite. */
function componentsOf(tensor: PlacedTensor): Component[] {
  const grid = gridOf(tensor);
  const raw = energyOf(grid.values);
  if (!Number.isFinite(raw)) return [];
  const components = decompose(grid, grid.heads).filter((component) => component.values.length > 0);
  const energy = components.reduce((sum, component) => sum + energyOf(component.values), 0);
  const scale = energy > raw * CONSTANT_ENERGY ? Math.sqrt(grid.values.length / energy) : 0;
  for (const { values } of components) for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) * scale;
  return components;
}

function buildBlock(components: readonly Component[], tensors: readonly string[], equalize: boolean): KinshipBlock {
  const joined = joinFeatures(components);
  if (equalize) equalizeUnits(joined);
  return blockOf(joined, [...new Set(tensors)]);
}

/** Puts components of one key side by side, sampling features evenly where they are too many. */
function joinFeatures(components: readonly Component[]): Component {
  const [first] = components;
  if (first === undefined) throw new RangeError('a block has at least one component');
  const total = components.reduce((sum, component) => sum + component.features, 0);
  if (components.length === 1 && total <= MAX_BLOCK_FEATURES) return first;
  const stride = Math.max(1, total / MAX_BLOCK_FEATURES);
  const rows = first.values.length / first.features;
  const columns = components.flatMap((component) => sampledColumns(component, stride));
  const values = new Float64Array(rows * columns.length);
  for (const [j, { component, column }] of columns.entries()) {
    for (let row = 0; row < rows; row++) {
      values[row * columns.length + j] = component.values[row * component.features + column] ?? 0;
    }
  }
  return { ...first, features: columns.length, values };
}

function sampledColumns(component: Component, stride: number) {
  const count = Math.max(1, Math.floor(component.features / stride));
  return Array.from({ length: count }, (_, i) => ({ component, column: Math.floor(i * stride) }));
}
