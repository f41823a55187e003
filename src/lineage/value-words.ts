import type { Weights } from '../tensors/weights.ts';
import type { TensorFacts } from './alterations.ts';
import type { Lattice } from './lattice.ts';
import type { RelationWord } from './relation.ts';

type Facts = ReadonlyMap<string, TensorFacts>;

/** What the values themselves say was done to the base: only what the base does not show already. */
export function valueWords(query: Weights, base: Weights, facts: Facts, baseFacts: Facts): readonly RelationWord[] {
  const words: RelationWord[] = [];
  if (hasNewZeros(query, base, facts, baseFacts)) words.push('pruned');
  if (isQuantized(query, base, facts, baseFacts)) words.push('quantized');
  if ([...facts].some(([name, f]) => f.grid && base.has(name) && baseFacts.get(name)?.grid !== f.grid))
    words.push('cast');
  return words;
}

/** Share of the weights of a file of half precision that must lie on lattices: a small tensor of a few octaves may by itself. */
const LEAST_ON_LATTICE = 0.1;

function isQuantized(query: Weights, base: Weights, facts: Facts, baseFacts: Facts): boolean {
  let found = 0;
  let total = 0;
  let hasGrid = false;
  for (const [name, { lattice, grid }] of facts) {
    const count = query.get(name)?.data.length ?? 0;
    total += count;
    hasGrid ||= grid !== undefined;
    if (lattice && base.has(name) && isCoarser(lattice, baseFacts.get(name)?.lattice)) found += count;
  }
  return found > (hasGrid ? LEAST_ON_LATTICE * total : 0);
}

/** The base has no lattice, or a finer one. */
function isCoarser({ halfSteps }: Lattice, base: Lattice | undefined): boolean {
  return base === undefined || middleOf(halfSteps) > 1.5 * middleOf(base.halfSteps);
}

function middleOf(steps: Float32Array): number {
  return steps.slice().sort()[steps.length >> 1] ?? 0;
}

/** Zeros of the matrices where the base has none, beyond those that rounding to a lattice or underflow of a grid explains. */
function hasNewZeros(query: Weights, base: Weights, facts: Facts, baseFacts: Facts): boolean {
  let found = 0;
  let explained = 0;
  let total = 0;
  for (const [name, { shape, data }] of query) {
    const other = base.get(name)?.data;
    if (!other || shape.length < 2 || (facts.get(name)?.zeroCount ?? 0) <= (baseFacts.get(name)?.zeroCount ?? 0))
      continue;
    const lattice = facts.get(name)?.lattice;
    const underflow = Math.max(underflowOf(facts.get(name)), facts.get(name)?.scaleUnderflow ?? 0);
    const hasLevels = lattice !== undefined && baseFacts.get(name)?.lattice !== undefined;
    for (let i = 0; i < data.length; i++) {
      total++;
      if (data[i] === 0 && other[i] !== 0) found++;
      // Rounded again, or from another rounding of the original: other values change their level as well. Pruning leaves those.
      if (hasLevels && data[i] !== 0 && isOtherLevel(data[i] ?? 0, other[i] ?? 0, lattice?.halfSteps[i] ?? 0))
        explained++;
      // Counted over all values: the base may be a neighbour of the one that was rounded, with its small values elsewhere.
      const size = Math.abs(other[i] ?? 0);
      if (size > 0 && size <= Math.max(underflow, (lattice?.halfSteps[i] ?? 0) * 1.1)) explained++;
    }
  }
  const unexplained = found - explained;
  return unexplained > 3 * Math.sqrt(explained + 1) + Math.max(3, 0.002 * total);
}

function isOtherLevel(x: number, y: number, half: number): boolean {
  return Math.abs(x - y) > half && Math.abs(x - y) < 3 * half;
}

/** Values below half the smallest step of a type become zero without anybody having pruned them. */
function underflowOf(facts: TensorFacts | undefined): number {
  switch (facts?.grid) {
    case 'fp16':
      return 2 ** -25;
    case 'fp8-e4m3':
      return 2 ** -10;
    case 'fp8-e5m2':
      return 2 ** -17;
    default:
      return 0;
  }
}
