import { linearSumAssignment } from 'linear-sum-assignment';
import { Matrix } from 'ml-matrix';

/** How well each unit of the query (rows) goes with each unit of the candidate (columns). */
export interface Affinity {
  readonly size: number;
  /** Row-major. */
  readonly values: Float64Array;
}

/** The one-to-one matching with the largest total affinity: the candidate's unit for each of the query's. */
export function assignUnits(affinity: Affinity): Int32Array {
  return solve(affinity.size, (row, column) => affinity.values[row * affinity.size + column] ?? 0).units;
}

/** The best matching that moves heads as wholes, and units inside their head: heads are matched by their best inner matchings. */
export function assignHeads(affinity: Affinity, heads: number): Int32Array {
  const size = affinity.size / heads;
  const inner = Array.from({ length: heads * heads }, (_, pair) => {
    const [row, column] = [Math.floor(pair / heads) * size, (pair % heads) * size];
    return solve(size, (i, j) => affinity.values[(row + i) * affinity.size + column + j] ?? 0);
  });
  const outer = solve(heads, (row, column) => inner[row * heads + column]?.total ?? 0).units;
  return Int32Array.from({ length: affinity.size }, (_, unit) => {
    const head = Math.floor(unit / size);
    const matched = outer[head] ?? head;
    return matched * size + (inner[head * heads + matched]?.units[unit % size] ?? 0);
  });
}

function solve(
  size: number,
  valueAt: (row: number, column: number) => number,
): { readonly units: Int32Array; readonly total: number } {
  const matrix = new Matrix(size, size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++) matrix.set(row, column, finite(valueAt(row, column)));
  const units = Int32Array.from(linearSumAssignment(matrix, { maximaze: true }).rowAssignments);
  return { units, total: units.reduce((sum, column, row) => sum + matrix.get(row, column), 0) };
}

/** A weight that is no number says nothing about its unit. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
