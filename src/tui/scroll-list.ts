/** Where somebody stands in a list: which item is selected, and which was the first on the screen. */
export interface ScrollList {
  readonly selected: number;
  readonly top: number;
}

export const LIST_START: ScrollList = { selected: 0, top: 0 };

/** The part of a list that is drawn: items from `start` up to, not including, `end`. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** Keeps the selection inside a list of `count` items, and on a screen of `height` lines, moving the screen least. */
export function fitList({ selected, top }: ScrollList, count: number, height: number): ScrollList {
  const kept = Math.max(0, Math.min(selected, count - 1));
  const lines = Math.max(1, height);
  const earliest = Math.max(0, kept - lines + 1);
  const lastTop = Math.max(0, count - lines);
  return { selected: kept, top: Math.min(Math.max(Math.min(top, lastTop), earliest), kept) };
}

/** Moves the selection; past an end it stays at the end. */
export function moveBy(list: ScrollList, step: number, count: number, height: number): ScrollList {
  return fitList({ ...list, selected: list.selected + step }, count, height);
}

/** What of the list is on a screen of `height` lines. */
export function windowOf(list: ScrollList, count: number, height: number): Window {
  const { top } = fitList(list, count, height);
  return { start: top, end: Math.min(count, top + Math.max(0, height)) };
}
