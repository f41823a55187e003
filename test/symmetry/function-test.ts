import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AxisGraph } from '../../src/symmetry/axis-graph.ts';
import { inferAxisGraph, type TensorShape } from '../../src/symmetry/infer-axes.ts';
import { spaceOf } from '../../src/symmetry/placed-tensors.ts';
import { runPython } from '../peers.ts';
import { shuffled, uniform } from './random.ts';

const SCRIPT = readFileSync(new URL('torch-models.py', import.meta.url), 'utf8');

/** Names and shapes of every PyTorch model of `torch-models.py`, in file order. */
export function torchModels(): Map<string, TensorShape[]> {
  const models: Record<string, [string, number[]][]> = JSON.parse(runPython(SCRIPT, 'shapes'));
  const entries = Object.entries(models);
  return new Map(
    entries.map(([model, tensors]) => [
      model,
      tensors.map(([name, shape]) => ({ name, shape, role: 'weight' as const })),
    ]),
  );
}

/** One change of one model's state, to be run by PyTorch. */
export interface Case {
  readonly id: string;
  readonly model: string;
  readonly tensors: Readonly<Record<string, unknown>>;
}

export function graphOfModel(tensors: readonly TensorShape[], isSorted: boolean): AxisGraph {
  const byName = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  return inferAxisGraph(isSorted ? byName : tensors);
}

export function spacesOf(graph: AxisGraph): string[] {
  const labels = [...graph.tensors.values()].flatMap((axes) => axes.labels.map(spaceOf));
  return [...new Set(labels.filter((space) => space !== null))].sort();
}

/** Permutes the units of one space in all tensors but those that `except` names; scales them too, when asked. */
export function caseOf(
  id: string,
  model: string,
  tensors: readonly TensorShape[],
  graph: AxisGraph,
  space: string,
  options: { scale?: boolean; except?: string } = {},
): Case {
  const random = uniform(id.length);
  let order: number[] = [];
  let factors: number[] = [];
  const changes: Record<string, unknown> = {};
  for (const [name, { labels, reshape }] of graph.tensors) {
    const view = reshape ?? tensors.find((t) => t.name === name)?.shape ?? [];
    const axes: Record<number, [number[], number[] | null]> = {};
    for (const [axis, label] of labels.entries()) {
      if (spaceOf(label) !== space || name === options.except) continue;
      const size = view[axis] ?? 0;
      if (order.length === 0)
        order = [...shuffled(size, random)].map((u, i, all) =>
          all.every((v, j) => v === j) ? (u + 1) % size : u + 0 * i,
        );
      if (factors.length === 0) factors = order.map(() => 0.5 + random());
      const scale = options.scale ? factors.map((f) => (axis === 0 ? f : 1 / f)) : null;
      axes[axis] = [order, scale];
    }
    if (Object.keys(axes).length > 0) changes[name] = { view, axes };
  }
  return { id, model, tensors: changes };
}

/** How far each case moves its model's outputs, relative to their size. */
export function movements(cases: readonly Case[]): Record<string, number> {
  const folder = mkdtempSync(join(tmpdir(), 'wsvc-axes-'));
  try {
    const file = join(folder, 'cases.json');
    writeFileSync(file, JSON.stringify(cases));
    return JSON.parse(runPython(SCRIPT, 'check', file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
