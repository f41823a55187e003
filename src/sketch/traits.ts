import { createHash } from 'node:crypto';
import { type DType, elementByteLength, isFloat } from '../tensors/dtype.ts';
import type { Summary, SummaryTraits, TensorSummary } from './summary.ts';

/** Half the relative spacing of the numbers of a type: no rounding to it moves a weight by more. */
const ROUNDING: Partial<Record<DType, number>> = {
  bf16: 2 ** -9,
  f16: 2 ** -11,
  f8_e4m3: 2 ** -4,
  f8_e5m2: 2 ** -3,
};

const KEY_BYTES = 16;

function keyOf(parts: readonly string[]): string {
  if (parts.length === 0) return '';
  return createHash('sha256').update(parts.join()).digest().toString('latin1', 0, KEY_BYTES);
}

const contentsOf = (tensors: readonly TensorSummary[]): string[] => tensors.map(({ content }) => content).sort();

/** True for a tensor that says something: constants are common to everybody. */
export function isTelling({ statistics }: TensorSummary): boolean {
  return statistics.standardDeviation > 0 || statistics.nanCount > 0;
}

/** The first 32 bits of a content id. */
export function contentPrefix(content: string): number {
  return Number.parseInt(content.slice(0, 8), 16);
}

function isVisible(centred: Float32Array): boolean {
  let isZero = true;
  for (let i = 0; i < centred.length; i++) {
    const value = centred[i] ?? 0;
    if (!Number.isFinite(value)) return false;
    if (value !== 0) isZero = false;
  }
  return !isZero;
}

/** Squared Euclidean length. */
export function squaredLength(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += (vector[i] ?? 0) ** 2;
  return sum;
}

function readTraits(summary: Summary): SummaryTraits {
  const weights = summary.tensors.filter(({ role }) => role === 'weight');
  const floats = weights.filter(({ dtype }) => isFloat(dtype));
  return {
    filesKey: keyOf(summary.files.map(({ sha256 }) => sha256)),
    weightsKey: keyOf(contentsOf(weights)),
    floatsKey: keyOf(contentsOf(floats)),
    contents: Uint32Array.from(new Set(summary.tensors.filter(isTelling).map(({ content }) => contentPrefix(content)))),
    hasSketch: isVisible(summary.centred),
    hasInvariants: summary.invariants?.some((value) => value !== 0) ?? false,
    sketchSquare: squaredLength(summary.sketch),
    precision: Math.max(0, ...floats.map(({ dtype }) => elementByteLength(dtype))),
    rounding: Math.max(0, ...floats.map(({ dtype }) => ROUNDING[dtype] ?? 0)),
  };
}

const known = new WeakMap<Summary, SummaryTraits>();

/** The traits of a summary, computed at the first question where it does not bring them along. */
export function traitsOf(summary: Summary): SummaryTraits {
  const found = summary.traits ?? known.get(summary) ?? readTraits(summary);
  if (summary.traits === undefined) known.set(summary, found);
  return found;
}
