import { setFlagsFromString } from 'node:v8';
import { Errors, run } from '@oclif/core';
import { WsvcError } from '../errors.ts';
import { normalizeArguments } from './arguments.ts';
import { unknownCommand } from './did-you-mean.ts';
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

/**
 * A command holds few objects and many large arrays, each of which brings the next collection nearer. Nobody waits for a frame meanwhile: to mark in small
 * steps costs a tenth of the CPU time of an `add` and gains nothing.
 */
function collectInOneGo(): void {
  setFlagsFromString('--no-incremental-marking');
}

/** Starts oclif; whatever no command catches (an unknown command, a broken installation) is reported in one place. */
export async function main(words: readonly string[], root: string): Promise<void> {
  const argv = normalizeArguments(words);
  collectInOneGo();
  endWithReader();
  process.once('SIGINT', () => {
    reportError(new WsvcError('interrupted', 'Interrupted.'), argv.includes('--json'));
    process.exit();
  });
  try {
    await run([...(argv.length === 0 ? await defaultCommand() : argv)], root);
  } catch (error) {
    if (error instanceof Errors.ExitError) process.exitCode = error.oclif.exit ?? 0;
    else reportError(await explainCommand(error, argv, root), argv.includes('--json'));
  }
}

/** oclif joins the words of an unknown command with colons: said again, with what was probably meant. */
async function explainCommand(error: unknown, argv: readonly string[], root: string): Promise<unknown> {
  const isUnknown = error instanceof Errors.CLIError && /^command .* not found$/.test(error.message);
  const word = argv.find((argument) => !argument.startsWith('-'));
  return isUnknown && word !== undefined ? unknownCommand(word, root) : error;
}
