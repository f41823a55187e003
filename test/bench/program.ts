import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program. */
const PROGRAM = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** A command line that runs wsvc as its users do. */
export function wsvcCommand(...args: readonly string[]): readonly string[] {
  return [process.execPath, PROGRAM, ...args];
}

/**
 * Runs a program outside any measurement and returns what it printed.
 *
 * @throws Error with what it said when it fails.
 */
export function runProgram(folder: string, [file = '', ...args]: readonly string[]): string {
  const run = spawnSync(file, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status !== 0)
    throw new Error(`${[file, ...args].join(' ')} ended with ${run.status}: ${run.stdout}${run.stderr}`);
  return run.stdout;
}

/** Runs `use` in a folder of its own, which is removed afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'wsvc-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
