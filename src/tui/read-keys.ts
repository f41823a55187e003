import type { Key, KeyName } from './events.ts';

/** What Ink says of a press besides its text. */
export interface InkKey {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageUp: boolean;
  readonly pageDown: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly tab: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
  readonly ctrl: boolean;
}

/** Ink calls what most terminals send for the backspace key "delete". */
const NAMES: readonly (readonly [keyof InkKey, KeyName])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'page-up'],
  ['pageDown', 'page-down'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'escape'],
  ['tab', 'tab'],
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
];

const CONTROLS: ReadonlyMap<string, KeyName> = new Map<string, KeyName>([
  ['\r', 'enter'],
  ['\n', 'enter'],
  ['\t', 'tab'],
  ['\u001b', 'escape'],
  ['\b', 'backspace'],
  ['\u007f', 'backspace'],
  ['\u0003', 'interrupt'],
  ['\u0002', 'page-up'],
  ['\u0006', 'page-down'],
  ['\u0015', 'clear-line'],
  ['\u0017', 'clear-word'],
]);

/** The control character of a letter that is pressed with Ctrl: c is 3. */
function controlOf(letter: string): string {
  return letter.length === 1 ? String.fromCharCode(letter.charCodeAt(0) & 0x1f) : '';
}

function fromCharacter(character: string): readonly Key[] {
  const name = CONTROLS.get(character);
  if (name !== undefined) return [{ name }];
  return /\p{Cc}/u.test(character) ? [] : [{ character }];
}

/** Turns what Ink reports into presses: fast typing, or a paste, arrives as one piece of text. */
export function readKeys(input: string, key: InkKey): readonly Key[] {
  const named = NAMES.find(([flag]) => key[flag]);
  if (named !== undefined) return [{ name: named[1] }];
  if (key.ctrl) return fromCharacter(controlOf(input)).filter((press) => 'name' in press);
  return [...input].flatMap(fromCharacter);
}
