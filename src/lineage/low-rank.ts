import { numericalRank, roundingFloor, singularValues } from '../diff/singular-values.ts';
import type { Weights } from '../tensors/weights.ts';

/** Matrices whose smaller side is not larger than this are of full rank too easily to tell. */
const LEAST_SIDE = 5;

/**
 * Finds the rank of a low-rank difference: the largest numerical rank of the changed matrices, when each is well below what its sides
 * allow (at most half); undefined when any of them is of full rank. The threshold is what rounding to f32 leaves (lineage.md, C). A few changed
 * values are of low rank too: factors must take fewer numbers than the values that changed.
 */
export function findLowRank(query: Weights, candidate: Weights, changed: readonly string[]): number | undefined {
  let largest = 0;
  let widest = 0;
  let [factors, changes] = [0, 0];
  for (const name of changed) {
    const found = rankOfDifference(query, candidate, name);
    if (!found) continue;
    if (found.side >= LEAST_SIDE && found.rank >= found.side) return undefined;
    largest = Math.max(largest, found.rank);
    widest = Math.max(widest, found.side);
    factors += found.factors;
    changes += found.changes;
  }
  if (factors > changes) return undefined;
  return largest > 0 && widest >= LEAST_SIDE && largest <= widest / 2 ? largest : undefined;
}

function rankOfDifference(query: Weights, candidate: Weights, name: string) {
  const a = query.get(name);
  const b = candidate.get(name);
  if (!a || !b || a.shape.length < 2 || a.data.length < 64) return undefined;
  const rows = a.shape[0] ?? 1;
  const columns = a.data.length / rows;
  const data = new Float64Array(a.data.length);
  let [largest, changes] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const x = a.data[i] ?? 0;
    const d = x - (b.data[i] ?? 0);
    data[i] = Number.isFinite(d) ? d : 0;
    if (d !== 0) changes += 1;
    largest = Math.max(largest, Math.abs(x), Math.abs(b.data[i] ?? 0));
  }
  // Twice the floor: the sum is rounded once more where the low-rank part was added in pieces.
  const rank = numericalRank(singularValues({ rows, columns, data }), 2 * roundingFloor(largest, rows, columns));
  return rank === 0 ? undefined : { rank, side: Math.min(rows, columns), factors: rank * (rows + columns), changes };
}
