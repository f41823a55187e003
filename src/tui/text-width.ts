/** Scripts and symbols that terminals draw two cells wide (Unicode East Asian Width W and F, emoji). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
/** What adds nothing to the width: accents, joiners, variation selectors. */
const ZERO_WIDTH = /^(?:\p{Mn}|\p{Me}|\p{Cf})+$/u;
/** Control characters and marks that turn the writing direction: a file name may hold them, a screen must not get them. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

const segmenter = new Intl.Segmenter('en');

function cellsOf(grapheme: string): number {
  if (ZERO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

function graphemes(text: string): readonly string[] {
  return [...segmenter.segment(text)].map(({ segment }) => segment);
}

/** Makes text from outside harmless: one visible sign for every character that would move the cursor. */
export function toPrintable(text: string): string {
  return text.replace(UNSAFE, '\ufffd');
}

/** How many cells of a terminal the text takes. */
export function displayWidth(text: string): number {
  return graphemes(text).reduce((total, grapheme) => total + cellsOf(grapheme), 0);
}

function takeCells(text: readonly string[], cells: number): readonly string[] {
  const taken: string[] = [];
  let left = cells;
  for (const grapheme of text) {
    left -= cellsOf(grapheme);
    if (left < 0) break;
    taken.push(grapheme);
  }
  return taken;
}

/** Cuts the end off, with an ellipsis, where the text does not fit. */
export function cutEnd(text: string, cells: number): string {
  if (displayWidth(text) <= cells) return text;
  return cells <= 0 ? '' : `${takeCells(graphemes(text), cells - 1).join('')}…`;
}

/** Cuts the start off, with an ellipsis: of a path the end says more. */
export function cutStart(text: string, cells: number): string {
  if (displayWidth(text) <= cells) return text;
  if (cells <= 0) return '';
  const kept = takeCells(graphemes(text).toReversed(), cells - 1).toReversed();
  return `…${kept.join('')}`;
}

/** Fills with spaces on the right, to columns that line up. */
export function padEnd(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - displayWidth(text)));
}

/** Fills with spaces on the left. */
export function padStart(text: string, cells: number): string {
  return ' '.repeat(Math.max(0, cells - displayWidth(text))) + text;
}
