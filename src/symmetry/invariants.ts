import type { Weights } from '../tensors/weights.ts';
import type { AxisGraph } from './axis-graph.ts';
import { balanceUnits } from './balance.ts';
import { headsOf, type PlacedTensor, placedTensors, product, spaceOf } from './placed-tensors.ts';

/** Share of each tensor's largest values that is kept: what 90 % pruning leaves. */
const KEPT_SHARE = 0.1;
/** Tensors too small to have a tenth are kept whole. */
const MIN_THINNED = 41;
/** Over which share of the smallest kept value the others fade out: a hard edge would jump when two values change places. */
const FADE = 0.25;

/**
 * Computes what permuting, flipping and rescaling hidden units leave unchanged: units balanced to a fixed point, absolute values, the largest tenth
 * of each tensor, sorted over every hidden axis, at mean 0 and rms 1. Continuous in the weights and free of chance, so fit for a sketch.
 *
 * @returns one array a placed tensor, as long as the tensor
 */
export function computeInvariants(weights: Weights, graph: AxisGraph): ReadonlyMap<string, Float32Array> {
  const tensors = placedTensors(balanceUnits(weights, graph).weights, graph);
  return new Map(tensors.map((tensor) => [tensor.name, profileOf(tensor)]));
}

/** Centres each placed tensor over its hidden axes, which takes out what all units share, and brings it to rms 1; all zero if nothing is left. */
export function centreTensors(weights: Weights, graph: AxisGraph): ReadonlyMap<string, Float32Array> {
  return new Map(placedTensors(weights, graph).map((tensor) => [tensor.name, centred(tensor)]));
}

function profileOf(tensor: PlacedTensor): Float32Array {
  const values = new Float64Array(tensor.data).map(Math.abs);
  if (values.length >= MIN_THINNED) thinOut(values);
  let inner = values.length;
  for (const [axis, size] of tensor.shape.entries()) {
    inner /= size;
    if (spaceOf(tensor.labels[axis]) === null) continue;
    const heads = headsOf(tensor.labels[axis]);
    sortAxis(values, size / heads, inner);
    if (heads > 1) sortAxis(values, heads, (inner * size) / heads);
  }
  return standardized(values);
}

/** Fades out all but the largest values. */
function thinOut(values: Float64Array): void {
  const ascending = values.slice().sort();
  const edge = ascending[Math.floor(values.length * (1 - KEPT_SHARE))] ?? 0;
  const width = edge * FADE;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (value < edge) values[i] = value * Math.max(0, 1 - (edge - value) / width);
  }
}

function sortAxis(values: Float64Array, size: number, inner: number): void {
  const line = new Float64Array(size);
  for (let start = 0; start < values.length; start += size * inner) {
    for (let k = 0; k < inner; k++) {
      for (let u = 0; u < size; u++) line[u] = values[start + u * inner + k] ?? 0;
      line.sort();
      for (let u = 0; u < size; u++) values[start + u * inner + k] = line[u] ?? 0;
    }
  }
}

function centred(tensor: PlacedTensor): Float32Array {
  const values = new Float64Array(tensor.data);
  for (const [axis, size] of tensor.shape.entries()) {
    if (spaceOf(tensor.labels[axis]) !== null) centreAlong(values, size, product(tensor.shape.slice(axis + 1)));
  }
  return atUnitRms(values, tensor.data);
}

function centreAlong(values: Float64Array, size: number, inner: number): void {
  for (let start = 0; start < values.length; start += size * inner) {
    for (let k = 0; k < inner; k++) {
      let mean = 0;
      for (let u = 0; u < size; u++) mean += (values[start + u * inner + k] ?? 0) / size;
      for (let u = 0; u < size; u++) values[start + u * inner + k] = (values[start + u * inner + k] ?? 0) - mean;
    }
  }
}

function standardized(values: Float64Array): Float32Array {
  const whole = new Float32Array(values);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return atUnitRms(
    values.map((value) => value - mean),
    whole,
  );
}

/** Energy below this share of the tensor's own is rounding. */
const ROUNDING = 1e-12;

function atUnitRms(values: Float64Array, original: Float32Array): Float32Array {
  let [energy, whole] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    energy += (values[i] ?? 0) ** 2;
    whole += (original[i] ?? 0) ** 2;
  }
  const scale = energy > whole * ROUNDING && Number.isFinite(energy) ? Math.sqrt(values.length / energy) : 0;
  return new Float32Array(values.map((value) => (scale === 0 ? 0 : value * scale)));
}
