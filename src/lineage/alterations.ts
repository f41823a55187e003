import type { WeightArray, Weights } from '../tensors/weights.ts';
import { findGrid, type Grid, gridSpacing } from './grid.ts';
import { findLattice, type Lattice } from './lattice.ts';

/** What a tensor's own values say about how they were made, whatever they were made from. */
export interface TensorFacts {
  readonly grid?: Grid;
  readonly lattice?: Lattice;
  readonly zeroCount: number;
}

/** Reads grid, lattice and zeros of every tensor. */
export function readAlterations(weights: Weights): ReadonlyMap<string, TensorFacts> {
  return new Map([...weights].map(([name, tensor]) => [name, tensorFacts(tensor)]));
}

/** Reads grid, lattice and zeros of one tensor. */
export function tensorFacts(tensor: WeightArray): TensorFacts {
  const grid = findGrid(tensor.data);
  const lattice = findLattice(tensor, gridSpacing(grid));
  let zeroCount = 0;
  for (let i = 0; i < tensor.data.length; i++) if (tensor.data[i] === 0) zeroCount++;
  return { ...(grid ? { grid } : {}), ...(lattice ? { lattice } : {}), zeroCount };
}
