import { groupBy } from '../symmetry/group-by.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { findGrid, type Grid, gridSpacing } from './grid.ts';
import { findLattice, type Lattice } from './lattice.ts';

/** What a tensor's own values say about how they were made, whatever they were made from. */
export interface TensorFacts {
  readonly grid?: Grid;
  readonly lattice?: Lattice;
  readonly zeroCount: number;
  /** How far values that were computed from others may be off, by the rounding of those. */
  readonly carried?: Float32Array;
  /** The most that values were moved because the half-precision scales of their blocks underflowed. */
  readonly scaleUnderflow?: number;
}

/** Half the spacing of fp16's subnormals: the most that the rounding of a block's scale, or of its least value, moves either. */
const HALF_UNDERFLOW = 2 ** -25;

/** Of more tensors of one shape than twice that, so many are asked for a lattice, evenly spread: where none has one the others are not asked. */
const ASKED_OF_A_SHAPE = 512;

/** Reads grid, lattice and zeros of every tensor. */
export function readAlterations(weights: Weights): ReadonlyMap<string, TensorFacts> {
  for (const alike of manyOfAShape(weights)) noteMissingLattice(alike);
  const facts = new Map([...weights].map(([name, tensor]) => [name, tensorFacts(tensor)]));
  const levels = [...facts.values()].reduce((most, { lattice }) => Math.max(most, lattice?.levels ?? 0), 0);
  if (levels === 0) return facts;
  const reach = (levels + 1) * HALF_UNDERFLOW;
  return new Map([...facts].map(([name, f]) => [name, withUnderflow(f, weights.get(name), reach)]));
}

/** The tensors of shapes that files of tens of thousands of tensors repeat. */
function manyOfAShape(weights: Weights): readonly (readonly WeightArray[])[] {
  if (weights.size <= 2 * ASKED_OF_A_SHAPE) return [];
  const groups = [...groupBy(weights.values(), ({ shape }) => shape.join()).values()];
  return groups.filter((tensors) => tensors.length > 2 * ASKED_OF_A_SHAPE);
}

function noteMissingLattice(alike: readonly WeightArray[]): void {
  const step = Math.floor(alike.length / ASKED_OF_A_SHAPE);
  if (alike.some((tensor, i) => i % step === 0 && tensorFacts(tensor).lattice !== undefined)) return;
  for (const tensor of alike) if (!known.has(tensor)) known.set(tensor, readFacts(tensor, false));
}

/** What is left of a tensor of a block format when its scales are no more than a few of fp16's smallest steps: multiples of those. */
function withUnderflow(facts: TensorFacts, tensor: WeightArray | undefined, reach: number): TensorFacts {
  if (!tensor || tensor.shape.length < 2) return facts;
  const isUnderflown = tensor.data.every((x) => Math.abs(x) <= reach * 2 && Number.isInteger(x / (2 * HALF_UNDERFLOW)));
  if (!isUnderflown) return facts;
  const { zeroCount } = facts;
  return { zeroCount, scaleUnderflow: reach };
}

/** Facts of tensors that are still in use: a checkpoint is asked for them at several steps of one question. */
const known = new WeakMap<WeightArray, TensorFacts>();

/** Reads grid, lattice and zeros of one tensor. */
export function tensorFacts(tensor: WeightArray): TensorFacts {
  const facts = known.get(tensor) ?? readFacts(tensor);
  known.set(tensor, facts);
  return facts;
}

/** Notes how a tensor was rounded whose values no longer show it, as they were computed from those that do. */
export function noteFacts(tensor: WeightArray, facts: TensorFacts): void {
  known.set(tensor, facts);
}

/** Shared by all tensors of which there is nothing else to say. */
const NOTHING_TO_SEE: TensorFacts = { zeroCount: 0 };

function readFacts(tensor: WeightArray, mayHaveLattice = true): TensorFacts {
  const grid = findGrid(tensor.data);
  const lattice = mayHaveLattice ? findLattice(tensor, gridSpacing(grid)) : undefined;
  let zeroCount = 0;
  for (let i = 0; i < tensor.data.length; i++) if (tensor.data[i] === 0) zeroCount++;
  if (zeroCount === 0 && !grid && !lattice) return NOTHING_TO_SEE;
  return { ...(grid ? { grid } : {}), ...(lattice ? { lattice } : {}), zeroCount };
}
