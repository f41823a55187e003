import { Errors, run } from '@oclif/core';
import { reportError } from './report-error.ts';

/** Starts oclif; whatever no command catches (an unknown command, a broken installation) is reported in one place. */
export async function main(argv: readonly string[], root: string): Promise<void> {
  process.once('SIGINT', () => process.exit(130));
  try {
    await run([...argv], root);
  } catch (error) {
    if (error instanceof Errors.ExitError) process.exitCode = error.oclif.exit ?? 0;
    else reportError(error, argv.includes('--json'));
  }
}
