import type { ManifestId } from '../objects/ids.ts';
import type { Forest } from './model.ts';
import { findNearest, type Near, updateNearest } from './nearest.ts';
import type { Node } from './node.ts';

/** The nearest of every checkpoint of a list, by places in the list. */
export interface NearestLists {
  readonly ids: readonly ManifestId[];
  readonly near: readonly (readonly Near[])[];
}

/**
 * What was computed for other piles and holds for this one too: each entry is a function of what its key names, so that a
 * recovery with a memo ends in the very forest of one without.
 */
export interface ForestMemo {
  forest(key: string): Forest | undefined;
  rememberForest(key: string, forest: Forest): void;
  /** What two checkpoints had in common, as numbers. */
  numbers(key: string): readonly number[] | undefined;
  rememberNumbers(key: string, numbers: readonly number[]): void;
  /** What was said of a checkpoint among others. */
  text(key: string): string | undefined;
  rememberText(key: string, text: string): void;
  nearest(key: string): NearestLists | undefined;
  rememberNearest(key: string, lists: NearestLists): void;
}

/** Names a component: which checkpoints, and which of them are copies of which. */
export function componentKey(nodes: readonly Node[]): string {
  const parts = nodes.map(
    ({ original, copies }) => `${original.id}(${copies.map(({ member, relation }) => `${member.id} ${relation}`)})`,
  );
  return `component ${parts.join('\n')}`;
}

function isAscending(ids: readonly string[]): boolean {
  return ids.every((id, i) => i === 0 || (ids[i - 1] ?? '') < id);
}

/** As {@link findNearest}, from the lists of an earlier pile where there are some. `ids` are ascending. */
export function findNearestWith(
  memo: ForestMemo | undefined,
  key: string,
  ids: readonly ManifestId[],
  points: readonly Float32Array[],
  k: number,
): readonly (readonly Near[])[] {
  const before = memo?.nearest(key);
  const near =
    before === undefined || !isAscending(ids) ? findNearest(points, k) : updateNearest(before, ids, points, k);
  memo?.rememberNearest(key, { ids, near });
  return near;
}
