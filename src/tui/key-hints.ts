import { displayWidth } from './text-width.ts';

interface Hint {
  readonly text: string;
  /** Which goes first where there is no room: the highest. */
  readonly rank: number;
}

const LIST_HINTS: readonly Hint[] = [
  { text: 'jk↑↓ move', rank: 2 },
  { text: 'l→ in', rank: 3 },
  { text: 'h← out', rank: 4 },
  { text: '/ filter', rank: 6 },
  { text: 'i identify', rank: 5 },
  { text: 'r restore', rank: 7 },
  { text: '? help', rank: 1 },
  { text: 'q quit', rank: 0 },
];
const FILTER_HINTS: readonly Hint[] = [
  { text: 'enter keep', rank: 1 },
  { text: 'esc show all', rank: 0 },
];
const PATH_HINTS: readonly Hint[] = [
  { text: 'enter go', rank: 0 },
  { text: 'esc cancel', rank: 1 },
  { text: 'tab complete', rank: 2 },
  { text: 'ctrl-u clear', rank: 3 },
];

const GAP = '  ';

/** The keys that do something now, as many as fit. */
export function keyHints(prompt: 'filter' | 'identify' | 'restore' | undefined, columns: number): string {
  const hints = prompt === undefined ? LIST_HINTS : prompt === 'filter' ? FILTER_HINTS : PATH_HINTS;
  for (let rank = hints.length; rank > 0; rank -= 1) {
    const line = hints
      .filter((hint) => hint.rank < rank)
      .map(({ text }) => text)
      .join(GAP);
    if (displayWidth(line) <= columns) return line;
  }
  return '';
}
