/** What the outside world gives an operation: nothing below the command line takes a clock or a name by itself. */
export interface Environment {
  /** The user's folder: relative paths start here. */
  readonly workingDirectory: string;
  readonly author: { readonly name: string; readonly email: string };
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Minutes west of UTC, as Date.getTimezoneOffset has it. */
  readonly timezoneOffset: number;
  /** Worker threads that large blocks may be coded on; none by default. */
  readonly threads?: number;
}
