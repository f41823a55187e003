import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** Prints a command line and runs the built program with it, as a user would, in that folder; returns what `--json` says. */
export function runCli<Result>(folder: string, args: readonly string[], check: (value: unknown) => Result): Result {
  console.log(`\n  $ wsvc ${args.filter((arg) => arg !== '--json').join(' ')}`);
  const run = spawnSync(process.execPath, [PROGRAM, ...args, '--json'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  // 1 is an answer ("nothing known"), all else but 0 a failure.
  if (run.status !== 0 && run.status !== 1) {
    throw new Error(
      `wsvc ${args[0]} ended with ${run.status}: ${run.stdout.slice(0, 2000)}${run.stderr.slice(0, 2000)}`,
    );
  }
  return check(JSON.parse(run.stdout));
}
