import { Errors, run } from '@oclif/core';
import { reportError } from './report-error.ts';

/** What `wsvc` alone means: the browser, on a terminal inside a repository; else the help. */
async function defaultCommand(): Promise<readonly string[]> {
  if (!process.stdin.isTTY || !process.stdout.isTTY || process.env.TERM === 'dumb') return [];
  const { findRepositoryDirectory } = await import('../repo/repository.ts');
  return (await findRepositoryDirectory('.')) === undefined ? [] : ['browse'];
}

/** Starts oclif; whatever no command catches (an unknown command, a broken installation) is reported in one place. */
export async function main(argv: readonly string[], root: string): Promise<void> {
  process.once('SIGINT', () => process.exit(130));
  try {
    await run([...(argv.length === 0 ? await defaultCommand() : argv)], root);
  } catch (error) {
    if (error instanceof Errors.ExitError) process.exitCode = error.oclif.exit ?? 0;
    else reportError(error, argv.includes('--json'));
  }
}
