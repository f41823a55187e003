import { Errors, run } from '@oclif/core';
import { WsvcError } from '../errors.ts';
import { normalizeArguments } from './arguments.ts';
import { reportError } from './report-error.ts';

/** What `wsvc` alone means: the browser, on a terminal inside a repository; else the help. */
async function defaultCommand(): Promise<readonly string[]> {
  if (!process.stdin.isTTY || !process.stdout.isTTY || process.env.TERM === 'dumb') return [];
  const { findRepositoryDirectory } = await import('../repo/repository.ts');
  return (await findRepositoryDirectory('.')) === undefined ? [] : ['browse'];
}

/** Whoever reads the output may stop reading (`wsvc log | head`): that is no failure, and nothing is left to be said. */
function endWithReader(): void {
  process.stdout.on('error', (error) => {
    if ('code' in error && error.code === 'EPIPE') process.exit();
    throw error;
  });
}

/** Starts oclif; whatever no command catches (an unknown command, a broken installation) is reported in one place. */
export async function main(words: readonly string[], root: string): Promise<void> {
  const argv = normalizeArguments(words);
  endWithReader();
  process.once('SIGINT', () => {
    reportError(new WsvcError('interrupted', 'Interrupted.'), argv.includes('--json'));
    process.exit();
  });
  try {
    await run([...(argv.length === 0 ? await defaultCommand() : argv)], root);
  } catch (error) {
    if (error instanceof Errors.ExitError) process.exitCode = error.oclif.exit ?? 0;
    else reportError(error, argv.includes('--json'));
  }
}
