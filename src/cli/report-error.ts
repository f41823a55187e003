import { escapeLine } from '../charts/describe.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { painter } from './style.ts';
import { toWsvcError } from './to-wsvc-error.ts';

/** An error as `--json` prints it. */
export interface ErrorRecord {
  readonly error: { readonly code: string; readonly message: string; readonly suggestions: readonly string[] };
}

/** Writes an error where the caller looks for it, and sets the exit code. The only place that does either. */
export function reportError(thrown: unknown, asJson: boolean): ErrorRecord {
  const error = toWsvcError(thrown);
  process.exitCode = EXIT_CODES[error.code];
  const record = { error: { code: error.code, message: error.message, suggestions: error.suggestions } };
  if (asJson) {
    process.stdout.write(`${JSON.stringify(record, undefined, 2)}\n`);
  } else {
    const paint = painter(process.stderr);
    process.stderr.write(`${paint('red', 'error:')} ${escapeLine(error.message)}\n`);
    for (const suggestion of error.suggestions)
      process.stderr.write(`${paint('dim', 'hint:')} ${escapeLine(suggestion)}\n`);
  }
  if (process.env.DEBUG) process.stderr.write(`${stackOf(thrown)}\n`);
  return record;
}

function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
