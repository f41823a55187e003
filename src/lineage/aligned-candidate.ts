import type { ManifestId } from '../objects/ids.ts';
import { type Alignment, alignUnits, applyAlignment } from '../symmetry/align.ts';
import type { AxisGraph } from '../symmetry/axis-graph.ts';
import { fitScales } from '../symmetry/fit-scales.ts';
import type { Weights } from '../tensors/weights.ts';
import { misfit } from './likelihood.ts';
import { applyUnplacedUnits, type UnplacedUnits } from './unplaced-units.ts';

/** A candidate brought into the query's unit order, signs and, where they differ, scales. */
export interface Aligned {
  readonly id: ManifestId;
  readonly alignment: Alignment;
  readonly weights: Weights;
  readonly misfit: number;
  /** Units at another place, or with another sign. */
  readonly moved: number;
  readonly isRescaled: boolean;
  /** Units that no axis graph placed, where the values alone showed that they moved. */
  readonly unplaced?: UnplacedUnits;
}

/** Scales must explain this much of what is left to be believed: training moves them too, by less. */
const MUST_EXPLAIN = 0.5;
/** Spread of ln scale below which nobody rescaled anything. */
const LEAST_SPREAD = 0.01;

/** Aligns a candidate by inner products and by the scale-free likelihood, with and without scales, and keeps what fits best. */
export function alignCandidate(query: Weights, id: ManifestId, candidate: Weights, graph: AxisGraph): Aligned {
  const options = [false, true].map((scaleFree) => alignUnits(query, candidate, graph, { sign: true, scaleFree }));
  const plain = options.map((alignment) => toAligned(query, id, candidate, graph, { ...alignment, scales: new Map() }));
  const best = plain.reduce((a, b) => (b.misfit < a.misfit ? b : a));
  let chosen = best;
  for (const alignment of options) {
    const scaled = toAligned(query, id, candidate, graph, fitScales(query, candidate, graph, alignment));
    if (isBelievable(query, chosen, scaled, best)) chosen = scaled;
  }
  return chosen;
}

/** A candidate as it stands: nothing aligned. */
export function unalignedCandidate(query: Weights, id: ManifestId, candidate: Weights): Aligned {
  const alignment: Alignment = { units: new Map(), signs: new Map(), scales: new Map() };
  return { id, alignment, weights: candidate, misfit: misfit(query, candidate), moved: 0, isRescaled: false };
}

/** Adds to an alignment what the values show of units that the graph does not place. */
export function withUnplaced(query: Weights, aligned: Aligned, unplaced: UnplacedUnits): Aligned {
  if (unplaced.matches.size === 0) return aligned;
  const weights = applyUnplacedUnits(aligned.weights, unplaced);
  return {
    ...aligned,
    weights,
    unplaced,
    misfit: misfit(query, weights),
    moved: aligned.moved + unplaced.matches.size,
  };
}

function isBelievable(query: Weights, chosen: Aligned, scaled: Aligned, plain: Aligned): boolean {
  const logs = [...scaled.alignment.scales.values()].flatMap((scales) => [...scales].map(Math.log));
  if (logs.length === 0 || medianSize(logs) < LEAST_SPREAD || !(scaled.misfit < chosen.misfit)) return false;
  return residualEnergy(query, scaled.weights) < MUST_EXPLAIN * residualEnergy(query, plain.weights);
}

/** 1.48 times the median distance from the median: a standard deviation that outliers do not move. */
function medianSize(values: readonly number[]): number {
  const middle = median(values);
  return 1.48 * median(values.map((x) => Math.abs(x - middle)));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function toAligned(
  query: Weights,
  id: ManifestId,
  candidate: Weights,
  graph: AxisGraph,
  alignment: Alignment,
): Aligned {
  const weights = applyAlignment(candidate, graph, alignment);
  let moved = 0;
  for (const units of alignment.units.values()) for (const [i, unit] of units.entries()) if (unit !== i) moved++;
  for (const signs of alignment.signs.values()) for (const sign of signs) if (sign < 0) moved++;
  return { id, alignment, weights, misfit: misfit(query, weights), moved, isRescaled: alignment.scales.size > 0 };
}

/** Squared relative residual of every tensor where the query is not zero, weighed by size. */
function residualEnergy(query: Weights, candidate: Weights): number {
  let energy = 0;
  for (const [name, { data }] of query) {
    const other = candidate.get(name)?.data;
    if (!other || other.length !== data.length) continue;
    let residual = 0;
    let size = 0;
    for (let i = 0; i < data.length; i++) {
      const y = other[i] ?? 0;
      size += y * y;
      if (data[i] !== 0) residual += ((data[i] ?? 0) - y) ** 2;
    }
    energy += (residual / Math.max(size, 1e-30)) * data.length;
  }
  return energy;
}

/** True when the alignment is no accident of training: it explains at least half of what the candidate left as it stood. */
export function isReordered(query: Weights, candidate: Weights, aligned: Aligned): boolean {
  if (aligned.moved === 0 && !aligned.isRescaled) return false;
  return (
    aligned.misfit < misfit(query, candidate) &&
    residualEnergy(query, aligned.weights) < MUST_EXPLAIN * residualEnergy(query, candidate)
  );
}
