import type { AxisGraph, AxisLabel, TensorAxes } from './axis-graph.ts';
import { spaceOf } from './placed-tensors.ts';

/**
 * Merges the spaces of modules that a file holds twice (a target network, an exponential average, a second critic): equal names below prefixes
 * that differ in more than a bare number. Twins share their order of units; as separate spaces they would make the test's deviation 1.4, while
 * merging spaces that are independent after all is always exact and costs next to no power (docs/lineage.md, section 3).
 */
export function mergeTwins(graph: AxisGraph): AxisGraph {
  const leaders = new Map<string, string>();
  const renamed = new Map<string, string>();
  for (const [space, touches] of touchesOfSpaces(graph)) {
    const signature = signatureOf(touches);
    const leader = leaders.get(signature) ?? space;
    leaders.set(signature, leader);
    if (leader !== space) renamed.set(space, leader);
  }
  if (renamed.size === 0) return graph;
  return { ...graph, tensors: new Map([...graph.tensors].map(([name, axes]) => [name, relabel(axes, renamed)])) };
}

interface Touch {
  readonly name: readonly string[];
  /** Axis, heads and view, which twins have in common. */
  readonly where: string;
}

function touchesOfSpaces(graph: AxisGraph): Map<string, Touch[]> {
  const touches = new Map<string, Touch[]>();
  for (const [name, axes] of graph.tensors) {
    for (const [axis, label] of axes.labels.entries()) {
      const space = spaceOf(label);
      if (space === null) continue;
      const where = JSON.stringify([
        axis,
        label !== null && typeof label === 'object' ? label.heads : 1,
        axes.reshape ?? [],
      ]);
      const known = touches.get(space) ?? [];
      touches.set(space, known);
      known.push({ name: name.split('.'), where });
    }
  }
  return touches;
}

/** The names below their common prefix, with the bare numbers of the prefix: equal for twins, different for the blocks of one stack. */
function signatureOf(touches: readonly Touch[]): string {
  const shared = commonPrefixLength(touches.map((touch) => touch.name.slice(0, -1)));
  const numbers = (touches[0]?.name.slice(0, shared) ?? []).filter((part) => /^\d+$/.test(part));
  const inside = touches.map((touch) => `${touch.name.slice(shared).join('.')} ${touch.where}`).sort();
  return JSON.stringify([numbers, inside]);
}

function commonPrefixLength(names: readonly (readonly string[])[]): number {
  const [first = [], ...rest] = names;
  const differs = first.findIndex((part, i) => rest.some((name) => name[i] !== part));
  return differs < 0 ? first.length : differs;
}

function relabel(axes: TensorAxes, renamed: ReadonlyMap<string, string>): TensorAxes {
  const change = (label: AxisLabel): AxisLabel => {
    if (label === null) return null;
    const name = typeof label === 'string' ? label : label.space;
    const leader = renamed.get(name) ?? name;
    return typeof label === 'string' ? leader : { ...label, space: leader };
  };
  return { ...axes, labels: axes.labels.map(change) };
}
