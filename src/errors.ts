/** What a caller may branch on; each code has one exit number in `cli/exit-codes.ts`. */
export type WsvcErrorCode =
  | 'usage'
  | 'not-found'
  | 'not-saved'
  | 'pruned'
  | 'no-repository'
  | 'locked'
  | 'corrupt'
  | 'format-version'
  | 'bad-file'
  | 'system'
  | 'interrupted'
  | 'bug';

/** What an error carries besides its message. */
export interface WsvcErrorDetails {
  readonly cause?: unknown;
  /** What the user can do next, one sentence each. */
  readonly suggestions?: readonly string[];
}

/** The root of the error tree: everything wsvc throws on purpose is one of these. */
export class WsvcError extends Error {
  override readonly name: string = 'WsvcError';
  readonly code: WsvcErrorCode;
  readonly suggestions: readonly string[];

  constructor(code: WsvcErrorCode, message: string, details: WsvcErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.suggestions = details.suggestions ?? [];
  }
}

/** What moves the cursor, changes colours or turns the direction of text: names in model files are somebody else's. */
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Text of unknown origin as a terminal may show it, on one line. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}

/** A file's own names may be in a rule, and of any length: more than this is left out of the middle. */
const MAX_RULE_LENGTH = 400;

function shorten(text: string): string {
  if (text.length <= MAX_RULE_LENGTH) return text;
  return `${text.slice(0, MAX_RULE_LENGTH / 2)}…${text.slice(-MAX_RULE_LENGTH / 2)}`;
}

/** Where and how a model file breaks the rules of its format. */
export interface BrokenRule {
  /** The format's name, as in `FormatName`. */
  readonly format: string;
  /** The rule that is broken, as a clause: "the header length must fit the file". */
  readonly rule: string;
  /** Where in the file, in bytes from its start. */
  readonly byteOffset?: number;
}

/** A model file that is malformed, or uses what wsvc does not support. */
export class BadFileError extends WsvcError {
  override readonly name = 'BadFileError';
  readonly broken: BrokenRule;

  /** The rule is told on one line, without control characters, whatever names of the file are in it. */
  constructor({ format, rule, byteOffset }: BrokenRule, details: WsvcErrorDetails = {}) {
    const at = byteOffset === undefined ? '' : ` (at byte ${byteOffset})`;
    const told = shorten(escapeControls(rule));
    super('bad-file', `Not a valid ${format} file: ${told}${at}.`, details);
    this.broken = { format, rule: told, ...(byteOffset === undefined ? {} : { byteOffset }) };
  }
}

/** Stored bytes that are not what their name says. */
export class CorruptError extends WsvcError {
  override readonly name = 'CorruptError';

  constructor(what: string, details: WsvcErrorDetails = {}) {
    super('corrupt', `The repository is damaged: ${what}.`, {
      suggestions: ['Run "wsvc fsck" to see what is affected, and "wsvc fsck --repair" to mend what can be mended.'],
      ...details,
    });
  }
}
