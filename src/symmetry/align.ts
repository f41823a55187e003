import type { Weights } from '../tensors/weights.ts';
import { addAffinity } from './affinity.ts';
import { assignHeads, assignUnits } from './assign-units.ts';
import type { AxisGraph } from './axis-graph.ts';
import { balanceUnits } from './balance.ts';
import { headsOf, type PlacedTensor, placedTensors, spaceOf } from './placed-tensors.ts';
import { transformTensor, transformUnits } from './transform-units.ts';

/** Sweeps over all spaces before the alignment is taken as it is; it settles in two to five. */
const MAX_SWEEPS = 12;

/** How the candidate's units lie in the query's: by space, for each of the query's units. Spaces that could not be aligned are absent. */
export interface Alignment {
  /** The candidate's unit. */
  readonly units: ReadonlyMap<string, Int32Array>;
  /** 1, or -1 where the unit's sign is turned. */
  readonly signs: ReadonlyMap<string, Float64Array>;
  /** Positive factors on what comes in; absent where none were fitted. */
  readonly scales: ReadonlyMap<string, Float64Array>;
}

export interface AlignOptions {
  /** Whether units may change sign (odd activations); only in spaces that the graph calls flippable. */
  readonly sign?: boolean;
  /** Whether to match by the likelihood of "the same up to an unknown scale, where the query is not zero" instead of inner products. */
  readonly scaleFree?: boolean;
}

/** One axis through which a space is seen. */
interface Touch {
  readonly query: PlacedTensor;
  readonly candidate: PlacedTensor;
  readonly axis: number;
  readonly others: readonly string[];
}

interface State {
  readonly units: Map<string, Int32Array>;
  readonly signs: Map<string, Float64Array>;
}

/**
 * Finds the order (and the signs) of the candidate's units that make it most like the query: linear assignment one space at a time, on balanced
 * weights; spaces that see an anchored side come first, the others as soon as their neighbours are known, then sweeps until nothing changes.
 */
export function alignUnits(
  query: Weights,
  candidate: Weights,
  graph: AxisGraph,
  options: AlignOptions = {},
): Alignment {
  const touches = touchesOf(balanceUnits(query, graph).weights, balanceUnits(candidate, graph).weights, graph);
  const state: State = { units: new Map(), signs: new Map() };
  const step = (space: string): boolean => alignSpace(space, touches.get(space) ?? [], state, graph, options);
  let waiting = [...touches.keys()];
  for (let found = -1; found !== state.units.size && waiting.length > 0; ) {
    found = state.units.size;
    waiting = waiting.filter((space) => !step(space));
  }
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    const before = snapshot(state);
    for (const space of state.units.keys()) step(space);
    if (snapshot(state) === before) break;
  }
  return { ...state, scales: new Map() };
}

/** Brings a candidate into the order, signs and scales of an alignment. */
export function applyAlignment(weights: Weights, graph: AxisGraph, alignment: Alignment): Weights {
  return transformUnits(weights, graph, { units: alignment.units, factors: factorsOf(alignment) });
}

/** Signs times scales. */
function factorsOf({ signs, scales }: Alignment): Map<string, Float64Array> {
  const spaces = new Set([...signs.keys(), ...scales.keys()]);
  const factors = [...spaces].map((space): [string, Float64Array] => {
    const [sign, scale] = [signs.get(space), scales.get(space)];
    const size = sign?.length ?? scale?.length ?? 0;
    return [space, Float64Array.from({ length: size }, (_, unit) => (sign?.[unit] ?? 1) * (scale?.[unit] ?? 1))];
  });
  return new Map(factors);
}

function touchesOf(query: Weights, candidate: Weights, graph: AxisGraph): Map<string, Touch[]> {
  const candidates = new Map(placedTensors(candidate, graph).map((tensor) => [tensor.name, tensor]));
  const touches = new Map<string, Touch[]>();
  for (const tensor of placedTensors(query, graph)) {
    const other = candidates.get(tensor.name);
    if (!other || other.shape.join() !== tensor.shape.join()) continue;
    for (const [axis, label] of tensor.labels.entries()) {
      const space = spaceOf(label);
      if (space === null) continue;
      const others = tensor.labels.flatMap((l, i) => (i === axis ? [] : (spaceOf(l) ?? [])));
      const known = touches.get(space) ?? [];
      touches.set(space, known);
      known.push({ query: tensor, candidate: other, axis, others });
    }
  }
  return touches;
}

/** Aligns one space to what is known of its neighbours; returns whether anything is. */
function alignSpace(
  space: string,
  touches: readonly Touch[],
  state: State,
  graph: AxisGraph,
  options: AlignOptions,
): boolean {
  const usable = touches.filter((touch) => touch.others.every((other) => state.units.has(other)));
  const [first] = usable;
  if (first === undefined) return false;
  const size = first.query.shape[first.axis] ?? 0;
  const affinity = { size, values: new Float64Array(size * size) };
  for (const touch of usable) {
    addAffinity(affinity, touch.query, movedExcept(touch, state), touch.axis, options.scaleFree ?? false);
  }
  const mayFlip = (options.sign ?? false) && (graph.flippable ?? graph.rescalable).has(space);
  const heads = headsOf(first.query.labels[first.axis]);
  const judged = mayFlip ? { size, values: affinity.values.map(Math.abs) } : affinity;
  const units = heads > 1 ? assignHeads(judged, heads) : assignUnits(judged);
  state.units.set(space, units);
  if (mayFlip)
    state.signs.set(
      space,
      Float64Array.from(units, (unit, i) => ((affinity.values[i * size + unit] ?? 0) < 0 ? -1 : 1)),
    );
  return true;
}

/** The candidate's tensor with all axes but one in the query's order and signs. A second axis of the same space follows what is known so far. */
function movedExcept({ candidate, axis }: Touch, state: State): PlacedTensor {
  const labels = candidate.labels.map((label, i) => (i === axis ? null : label));
  return {
    ...candidate,
    data: transformTensor({ ...candidate, labels }, { units: state.units, factors: state.signs }),
  };
}

function snapshot(state: State): string {
  return [...state.units].map(([space, units]) => `${units.join()}${state.signs.get(space)?.join() ?? ''}`).join(';');
}
