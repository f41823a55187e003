import type { Weights } from '../tensors/weights.ts';
import { unitRows } from './affinity.ts';
import type { AxisGraph } from './axis-graph.ts';
import { type PlacedTensor, placedTensors, spaceOf } from './placed-tensors.ts';

/** Cosine above which a unit is nearer to the one at its own place than to chance. */
const SAME_UNIT = 0.5;
/** Share of the difference that scaling the units may explain before a copy can be called rescaled. */
const LEAST_EXPLAINED = 0.5;

/** Sums over the units of one axis. */
interface Agreement {
  /** Lowest cosine of a unit with the one at its place; 1 where there is nothing to compare. */
  readonly least: number;
  /** |q - c|^2, and what is left of it when every unit may be scaled. */
  readonly difference: number;
  readonly unexplained: number;
}

/**
 * Says whether every hidden unit stands where it stood and has the scale that it had: then no alignment is needed, which costs the
 * cube of the number of units. Compares where the query is not zero. Linear in the weights.
 */
export function areUnitsInPlace(query: Weights, candidate: Weights, graph: AxisGraph): boolean {
  const others = new Map(placedTensors(candidate, graph).map((tensor) => [tensor.name, tensor]));
  let [difference, unexplained] = [0, 0];
  for (const tensor of placedTensors(query, graph)) {
    const other = others.get(tensor.name);
    if (other === undefined || other.data.length !== tensor.data.length) return false;
    for (const [axis, label] of tensor.labels.entries()) {
      if (spaceOf(label) === null) continue;
      const agreement = compareUnits(tensor, other, axis);
      if (agreement.least < SAME_UNIT) return false;
      difference += agreement.difference;
      unexplained += agreement.unexplained;
    }
  }
  return unexplained >= (1 - LEAST_EXPLAINED) * difference;
}

function compareUnits(query: PlacedTensor, candidate: PlacedTensor, axis: number): Agreement {
  const [q, c] = [unitRows(query, axis), unitRows(candidate, axis)];
  const width = q.length / (query.shape[axis] ?? 1);
  let [least, difference, unexplained] = [1, 0, 0];
  for (let start = 0; start < q.length && width > 1; start += width) {
    let [product, energy, other] = [0, 0, 0];
    for (let k = start; k < start + width; k++) {
      const x = q[k] ?? 0;
      const y = x === 0 ? 0 : (c[k] ?? 0);
      product += x * y;
      energy += x * x;
      other += y * y;
    }
    if (energy === 0 || other === 0) continue;
    least = Math.min(least, product / Math.sqrt(energy * other));
    difference += energy - 2 * product + other;
    unexplained += energy - (product * product) / other;
  }
  return { least, difference: Math.max(difference, 0), unexplained: Math.max(unexplained, 0) };
}
