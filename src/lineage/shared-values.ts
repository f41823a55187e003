import type { Weights } from '../tensors/weights.ts';
import { PatternSet } from './pattern-set.ts';

/** Positions where both hold the same float, counting only values that stand once in their tensor. */
export interface SharedValues {
  readonly count: number;
  /** What chance would give: a Poisson mean, from the values that both hold anywhere. */
  readonly expected: number;
  /** Modules with more than chance allows. */
  readonly modules: ReadonlySet<string>;
  /** Tensors with more than chance allows. */
  readonly tensors: readonly string[];
  /** ln of the Poisson tail of all together. */
  readonly logPValue: number;
}

/** The module a tensor belongs to: its name without the last part. */
export function moduleOf(name: string): string {
  const dot = Math.max(name.lastIndexOf('.'), name.lastIndexOf('/'));
  return dot < 0 ? name : name.slice(0, dot);
}

/** Fewer shared values than this in one tensor may be anything. */
const LEAST_SHARED = 8;

/** Counts the shared exact values of two checkpoints in one frame (lineage.md, C: unrelated files share 0 or 1, resumed ones thousands). */
export function countSharedValues(query: Weights, candidate: Weights): SharedValues {
  let count = 0;
  let expected = 0;
  const tensors: string[] = [];
  for (const [name, { data }] of query) {
    const other = candidate.get(name)?.data;
    if (!other || other.length !== data.length || data.length < LEAST_SHARED) continue;
    const shared = sharedInTensor(data, other);
    count += shared.count;
    expected += shared.expected;
    if (shared.count >= LEAST_SHARED && shared.count > 8 * shared.expected) tensors.push(name);
  }
  return {
    count,
    expected,
    tensors,
    modules: new Set(tensors.map(moduleOf)),
    logPValue: logPoissonTail(count, expected),
  };
}

const NOTHING: SharedValues = { count: 0, expected: 0, tensors: [], modules: new Set(), logPValue: 0 };

/** As {@link countSharedValues}; where no tensor has enough equal values in their places to count, nothing is counted. */
export function findSharedValues(query: Weights, candidate: Weights): SharedValues {
  return mayShare(query, candidate) ? countSharedValues(query, candidate) : NOTHING;
}

/** False is the usual answer, and a cheap one. */
function mayShare(query: Weights, candidate: Weights): boolean {
  for (const [name, { data }] of query) {
    const other = candidate.get(name)?.data;
    if (other?.length === data.length && countEqual(data, other) >= LEAST_SHARED) return true;
  }
  return false;
}

function countEqual(a: Float32Array, b: Float32Array): number {
  let equal = 0;
  for (let i = 0; i < a.length; i++) if (a[i] === b[i] && a[i] !== 0) equal++;
  return equal;
}

function sharedInTensor(a: Float32Array, b: Float32Array) {
  const [own, other] = [patternsOf(a), patternsOf(b)];
  const [onceA, onceB] = [gather(own), gather(other)];
  let count = 0;
  for (let i = 0; i < own.length; i++) {
    const x = own[i] ?? 0;
    if (x !== 0 && x !== NOT_A_NUMBER && x === other[i] && onceA.hasOnce(x) && onceB.hasOnce(x)) count++;
  }
  const common = onceA.countCommon(onceB);
  // Of the values that both hold, one in `length` would stand at its own place by chance; equal places themselves tell nothing about chance.
  return { count, expected: Math.max(common - count, 1) / a.length };
}

const NOT_A_NUMBER = 0x7fc00000;
const INFINITE = 0x7f800000;

/** The bits of values, equal for equal ones: either zero as 0, and all that is no number as one. */
function patternsOf(data: Float32Array): Uint32Array {
  const patterns = new Uint32Array(data.buffer, data.byteOffset, data.length).slice();
  for (let i = 0; i < patterns.length; i++) {
    const size = (patterns[i] ?? 0) & 0x7fffffff;
    if (size === 0) patterns[i] = 0;
    else if (size > INFINITE) patterns[i] = NOT_A_NUMBER;
  }
  return patterns;
}

function gather(patterns: Uint32Array): PatternSet {
  const set = new PatternSet(patterns.length);
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i] ?? 0;
    if (pattern !== 0) set.add(pattern);
  }
  return set;
}

/** ln P(X >= k), X Poisson: bounded by Chernoff's inequality. */
function logPoissonTail(k: number, mean: number): number {
  if (k <= mean) return 0;
  return mean <= 0 ? Number.NEGATIVE_INFINITY : k - mean - k * Math.log(k / mean);
}
