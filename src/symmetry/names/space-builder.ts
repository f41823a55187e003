import type { AxisGraph, AxisLabel, TensorAxes } from '../axis-graph.ts';
import type { AxisRef } from './modules.ts';
import { compareNaturally } from './natural-order.ts';

/** How an axis that is larger than its space is seen: `outer` x units x `inner`. */
export interface Split {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/** A set of axes that are permuted together. */
export interface Joined {
  readonly axes: readonly AxisRef[];
  /** Whether the units may be rescaled: no norm, no gate, no recurrence. */
  readonly isRescalable: boolean;
  /** Whether the units may change sign; absent: as far as they may be rescaled. */
  readonly isFlippable?: boolean;
  readonly splits?: ReadonlyMap<AxisRef, Split>;
}

interface Member {
  readonly ref: AxisRef;
  readonly split: Split | undefined;
}

interface Group {
  readonly members: Map<string, Member>;
  isRescalable: boolean;
  isFlippable: boolean;
}

/** Collects what the rules join, by union-find, and makes the axis graph of it. */
export interface SpaceBuilder {
  join(joined: Joined): void;
  refuse(path: string, reason: string): void;
  build(tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]): AxisGraph;
}

export function createSpaceBuilder(source: AxisGraph['source']): SpaceBuilder {
  const groups = new Map<string, Group>();
  const refusals: { path: string; reason: string }[] = [];
  return {
    join(joined) {
      const { isRescalable, isFlippable = isRescalable } = joined;
      const merged = mergeGroups(groups, [...new Set(joined.axes.map((ref) => groups.get(keyOf(ref))))]);
      merged.isRescalable &&= isRescalable;
      merged.isFlippable &&= isFlippable;
      for (const ref of joined.axes) {
        const split = joined.splits?.get(ref);
        if (split || !merged.members.has(keyOf(ref))) merged.members.set(keyOf(ref), { ref, split });
        groups.set(keyOf(ref), merged);
      }
    },
    refuse(path, reason) {
      refusals.push({ path, reason });
    },
    build(tensors) {
      const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
      const spaces = [...new Set(groups.values())].filter((group) => isConsistent(group, shapes, refusals));
      return graphOf(spaces, shapes, source, refusals);
    },
  };
}

function keyOf(ref: AxisRef): string {
  return `${ref.axis}:${ref.tensor}`;
}

/** Moves the smaller groups into the largest, so that an axis moves a few times only; a new group where there is none. */
function mergeGroups(groups: Map<string, Group>, found: readonly (Group | undefined)[]): Group {
  const [largest, ...others] = found
    .filter((group) => group !== undefined)
    .sort((a, b) => b.members.size - a.members.size);
  if (largest === undefined) return { members: new Map(), isRescalable: true, isFlippable: true };
  for (const group of others) {
    largest.isRescalable &&= group.isRescalable;
    largest.isFlippable &&= group.isFlippable;
    for (const [key, member] of group.members) {
      largest.members.set(key, member);
      groups.set(key, largest);
    }
  }
  return largest;
}

/** One size a space, every axis outer x size x inner, at least two axes. */
function isConsistent(
  group: Group,
  shapes: ReadonlyMap<string, readonly number[]>,
  refusals: { path: string; reason: string }[],
): boolean {
  const sizes = new Set(
    [...group.members.values()].map(({ ref, split }) => split?.size ?? shapes.get(ref.tensor)?.[ref.axis] ?? 0),
  );
  const [size = 0] = sizes;
  const fits = [...group.members.values()].every(({ ref, split }) => {
    return split === undefined || split.outer * split.size * split.inner === shapes.get(ref.tensor)?.[ref.axis];
  });
  if (sizes.size === 1 && fits && size > 1 && group.members.size > 1) return true;
  for (const { ref } of group.members.values())
    refusals.push({ path: ref.tensor, reason: 'the sizes of its space clash' });
  return false;
}

function nameOf(group: Group): string {
  const names = [...group.members.values()].map(({ ref }) =>
    ref.axis === 0 ? ref.tensor : `${ref.tensor}:${ref.axis}`,
  );
  const weights = names.filter((name) => /(weight|kernel)/.test(name) && !name.includes(':'));
  const [first = ''] = (weights.length > 0 ? weights : names).sort(compareNaturally);
  return first.replace(/[./](weight|kernel)$/, '');
}

interface Place {
  readonly space: string;
  readonly split: Split | undefined;
}

function graphOf(
  spaces: readonly Group[],
  shapes: ReadonlyMap<string, readonly number[]>,
  source: AxisGraph['source'],
  refusals: readonly { path: string; reason: string }[],
): AxisGraph {
  const placed = new Map<string, Map<number, Place>>();
  const names = new Map(spaces.map((group) => [group, nameOf(group)]));
  const nameIn = (group: Group) => names.get(group) ?? '';
  for (const group of spaces) {
    for (const { ref, split } of group.members.values()) {
      placed.set(ref.tensor, (placed.get(ref.tensor) ?? new Map()).set(ref.axis, { space: nameIn(group), split }));
    }
  }
  const tensors = new Map<string, TensorAxes>();
  for (const [name, shape] of shapes) {
    const axes = placed.get(name);
    if (axes) tensors.set(name, viewOf(shape, axes));
  }
  const rescalable = new Set(spaces.filter((group) => group.isRescalable).map(nameIn));
  const flippable = new Set(spaces.filter((group) => group.isFlippable).map(nameIn));
  return { tensors, source, rescalable, flippable, unplaced: unplacedOf(shapes, tensors, refusals) };
}

function viewOf(shape: readonly number[], axes: ReadonlyMap<number, Place>): TensorAxes {
  const view: number[] = [];
  const labels: AxisLabel[] = [];
  for (const [axis, size] of shape.entries()) {
    const at = axes.get(axis);
    const { outer, size: units, inner } = at?.split ?? { outer: 1, size, inner: 1 };
    if (outer > 1) view.push(outer);
    view.push(units);
    if (inner > 1) view.push(inner);
    labels.push(...(outer > 1 ? [null] : []), at?.space ?? null, ...(inner > 1 ? [null] : []));
  }
  return view.length === shape.length ? { labels } : { reshape: view, labels };
}

function unplacedOf(
  shapes: ReadonlyMap<string, readonly number[]>,
  placed: ReadonlyMap<string, TensorAxes>,
  refusals: readonly { path: string; reason: string }[],
): AxisGraph['unplaced'] {
  const reasons = new Map<string, string>();
  for (const { path, reason } of refusals) if (!reasons.has(path)) reasons.set(path, reason);
  const names = [...shapes.keys()].filter((name) => !placed.has(name));
  return names.map((name) => ({ name, reason: closestReason(reasons, name) ?? 'no rule places it' }));
}

/** The first reason of the longest path that leads to a tensor. */
function closestReason(reasons: ReadonlyMap<string, string>, name: string): string | undefined {
  for (let path = name; path !== ''; path = path.slice(0, Math.max(0, path.lastIndexOf('.')))) {
    const reason = reasons.get(path);
    if (reason !== undefined) return reason;
  }
  return reasons.get('');
}
