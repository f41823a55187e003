import { type Span, span } from './span.ts';

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['up k, down j', 'move by a line'],
  ['PageUp, PageDown space', 'move by a page'],
  ['g Home, G End', 'to the first, to the last'],
  ['enter l right', 'in; from a line of an answer to its checkpoint'],
  ['esc h left', 'out; where a filter is set, that goes first'],
  ['/', 'list only what holds a text'],
  ['i', 'identify a file: what is it, and made from what?'],
  ['r', 'restore the selected checkpoint to a path'],
  ['q, Ctrl-C', 'quit'],
];

const PROMPT_KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['enter, esc', 'accept, cancel'],
  ['tab', 'complete a file name'],
  ['Ctrl-U, Ctrl-W', 'clear the line, the last word'],
];

function keyLine([keys, does]: readonly [string, string]): readonly Span[] {
  return [span(`  ${keys.padEnd(23)} `, 'name'), span(does)];
}

/** The page that `?` opens; any key closes it. */
export const HELP_LINES: readonly (readonly Span[])[] = [
  [span('Keys', 'strong'), span('  (any key closes this page)', 'faint')],
  ...KEYS.map(keyLine),
  [span('Where something is typed', 'strong')],
  ...PROMPT_KEYS.map(keyLine),
  [span('Words', 'strong')],
  [span('  step                    distance in weight space from the checkpoint before')],
  [span('  turn                    angle between a step and the one before')],
  [span('  sure                    how likely the answer is right, by the weights alone')],
];
