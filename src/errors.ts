/** What a caller may branch on; each code has one exit number in `cli/exit-codes.ts`. */
export type WsvcErrorCode =
  | 'usage'
  | 'not-found'
  | 'not-saved'
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

  constructor(broken: BrokenRule, details: WsvcErrorDetails = {}) {
    const at = broken.byteOffset === undefined ? '' : ` (at byte ${broken.byteOffset})`;
    super('bad-file', `Not a valid ${broken.format} file: ${broken.rule}${at}.`, details);
    this.broken = broken;
  }
}

/** Stored bytes that are not what their name says. */
export class CorruptError extends WsvcError {
  override readonly name = 'CorruptError';

  constructor(what: string, details: WsvcErrorDetails = {}) {
    super('corrupt', `The repository is damaged: ${what}.`, {
      suggestions: ['Run "wsvc fsck" to see what is affected.'],
      ...details,
    });
  }
}
