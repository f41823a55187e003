import type { Weights } from '../tensors/weights.ts';
import { halfUnit } from './grid.ts';
import { isExact, type Rounding } from './tolerance.ts';

/** From so many values on that tell mixtures apart they decide. */
const LEAST_TOLD = 12;
/** Coefficients that were solved from rounded values are off by so much at most. */
const COEFFICIENT_SLACK = 0.02;

/** In half spacings: values that lie beside one another. */
const NEIGHBOURS = 2.01;
const CLEARLY_NEARER = 0.9;

/**
 * True where a query that was rounded to a smaller float type has the mixture's values also where its parents differ by more than that rounding.
 * Where they are equal any mixture of them would do, and checkpoints of one run in 16 bits are equal nearly everywhere;
 * where they are and the query is not, none.
 */
export function followsMixture(
  query: Weights,
  mixed: Weights,
  parents: readonly Weights[],
  roundings: ReadonlyMap<string, Rounding>,
  masks: ReadonlyMap<string, Uint8Array>,
): boolean {
  let [agreed, compared] = [0, 0];
  for (const [name, { data }] of mixed) {
    const { grid, halfSteps } = roundings.get(name) ?? {};
    const own = query.get(name)?.data;
    if (!own || !grid || halfSteps) continue;
    const mask = masks.get(name);
    const values = parents.flatMap((parent) => parent.get(name)?.data ?? []);
    for (let i = 0; i < data.length; i++) {
      const half = halfUnit(grid, data[i] ?? 0);
      const spread = spreadAt(values, i);
      const off = Math.abs((own[i] ?? 0) - (data[i] ?? 0));
      if (mask?.[i] === 0 || (spread <= half && off <= half)) continue;
      compared++;
      if (off <= reachOf(half, spread)) agreed++;
    }
  }
  return compared < LEAST_TOLD || isExact({ agreed, compared });
}

/** How far the query may be from the mixture. Half-way between neighbouring values either would do: it must be nearer to the one that it has. */
function reachOf(half: number, spread: number): number {
  return spread <= NEIGHBOURS * half ? CLEARLY_NEARER * half : half * 1.001 + spread * COEFFICIENT_SLACK;
}

function spreadAt(values: readonly Float32Array[], i: number): number {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const data of values) {
    const value = data[i] ?? 0;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low;
}
