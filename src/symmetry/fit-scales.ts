import type { Weights } from '../tensors/weights.ts';
import { type Alignment, applyAlignment } from './align.ts';
import type { AxisGraph } from './axis-graph.ts';
import { balanceUnits } from './balance.ts';
import { type PlacedTensor, placedTensors, product, spaceOf } from './placed-tensors.ts';
import { isIncoming, transformTensor } from './transform-units.ts';

/** Rounds of regression; each space's scales depend on its neighbours', and six rounds settle them. */
const ROUNDS = 6;

interface Regression {
  /** Weighted products and energies of what comes in (q against s c) and of what goes out (s q against c), by unit. */
  readonly incoming: Sums;
  readonly outgoing: Sums;
}

interface Sums {
  readonly products: Float64Array;
  readonly energies: Float64Array;
}

/**
 * Fits the scales by which the query's units differ from the aligned candidate's, by regressing one on the other where the query is not zero, one
 * space after the other. Starts from what balancing both says. Only rescalable spaces get scales.
 */
export function fitScales(query: Weights, candidate: Weights, graph: AxisGraph, alignment: Alignment): Alignment {
  const aligned = applyAlignment(candidate, graph, { ...alignment, scales: new Map() });
  const scales = startingScales(query, candidate, graph, alignment);
  const pairs = pairsOf(query, aligned, graph);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [space, scale] of scales) scales.set(space, regress(space, scale, pairs, scales));
  }
  return { ...alignment, scales };
}

function startingScales(
  query: Weights,
  candidate: Weights,
  graph: AxisGraph,
  { units }: Alignment,
): Map<string, Float64Array> {
  const [ours, theirs] = [balanceUnits(query, graph).scales, balanceUnits(candidate, graph).scales];
  const scales = new Map<string, Float64Array>();
  for (const [space, order] of units) {
    const [own, other] = [ours.get(space), theirs.get(space)];
    if (!own || !other) continue;
    scales.set(
      space,
      Float64Array.from(order, (unit, i) => (other[unit] ?? 1) / (own[i] ?? 1)),
    );
  }
  return scales;
}

interface Pair {
  readonly query: PlacedTensor;
  readonly candidate: PlacedTensor;
  /** One over the query's mean square. */
  readonly weight: number;
}

function pairsOf(query: Weights, candidate: Weights, graph: AxisGraph): Pair[] {
  const candidates = new Map(placedTensors(candidate, graph).map((tensor) => [tensor.name, tensor]));
  return placedTensors(query, graph).flatMap((tensor) => {
    const other = candidates.get(tensor.name);
    const energy = tensor.data.reduce((sum, value) => sum + value * value, 0);
    if (!other || other.shape.join() !== tensor.shape.join() || !(energy > 0)) return [];
    return [{ query: tensor, candidate: other, weight: tensor.data.length / energy }];
  });
}

function regress(
  space: string,
  scale: Float64Array,
  pairs: readonly Pair[],
  scales: ReadonlyMap<string, Float64Array>,
): Float64Array {
  const sums = (): Sums => ({ products: new Float64Array(scale.length), energies: new Float64Array(scale.length) });
  const regression: Regression = { incoming: sums(), outgoing: sums() };
  for (const pair of pairs) {
    for (const [axis, label] of pair.query.labels.entries()) {
      if (spaceOf(label) === space) addPair(regression, pair, axis, scales);
    }
  }
  return scale.map((old, unit) => combined(regression, unit, old));
}

function addPair(
  regression: Regression,
  { query, candidate, weight }: Pair,
  axis: number,
  scales: ReadonlyMap<string, Float64Array>,
): void {
  const labels = candidate.labels.map((label, i) => (i === axis ? null : label));
  const data = transformTensor({ ...candidate, labels }, { units: new Map(), factors: scales });
  const [size, inner] = [query.shape[axis] ?? 1, product(query.shape.slice(axis + 1))];
  const incoming = isIncoming(axis);
  const { products, energies } = incoming ? regression.incoming : regression.outgoing;
  for (let at = 0; at < data.length; at++) {
    const q = query.data[at] ?? 0;
    if (q === 0) continue;
    const unit = Math.floor(at / inner) % size;
    const c = data[at] ?? 0;
    products[unit] = (products[unit] ?? 0) + weight * q * c;
    energies[unit] = (energies[unit] ?? 0) + weight * (incoming ? c * c : q * q);
  }
}

/** Geometric mean of the two estimates, weighed by the query's energy that each explains. */
function combined({ incoming, outgoing }: Regression, unit: number, old: number): number {
  const inward = estimate(incoming, unit);
  const outward = estimate(outgoing, unit);
  const inWeight = inward === undefined ? 0 : (incoming.energies[unit] ?? 0) * inward ** 2;
  const outWeight = outward === undefined ? 0 : (outgoing.energies[unit] ?? 0);
  const total = inWeight + outWeight;
  if (!(total > 0) || !Number.isFinite(total)) return old;
  return Math.exp((inWeight * Math.log(inward ?? 1) + outWeight * Math.log(outward ?? 1)) / total);
}

function estimate({ products, energies }: Sums, unit: number): number | undefined {
  const [product, energy] = [products[unit] ?? 0, energies[unit] ?? 0];
  return product > 0 && energy > 0 ? product / energy : undefined;
}
