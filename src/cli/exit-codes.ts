import type { WsvcErrorCode } from '../errors.ts';

/** The answer is no: nothing known, or a difference where one was asked about. */
export const EXIT_NO = 1;
/** The check found something. */
export const EXIT_FINDINGS = 3;

/** Exit number of every error; a code without one does not compile. */
export const EXIT_CODES = {
  usage: 2,
  'not-found': 2,
  'not-saved': 2,
  pruned: 2,
  'no-repository': 10,
  locked: 11,
  corrupt: 12,
  'format-version': 13,
  'bad-file': 14,
  system: 15,
  interrupted: 130,
  bug: 255,
} as const satisfies Record<WsvcErrorCode, number>;
