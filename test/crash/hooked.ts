import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PROGRAM } from '../commands/program.ts';

const HOOK = fileURLToPath(new URL('hook.mjs', import.meta.url));

/** What `hook.mjs` is told; see there. */
export interface HookOptions {
  readonly mode: 'count' | 'kill' | 'fail' | 'full' | 'pause' | 'record';
  readonly at?: number;
  readonly journal?: string;
  readonly pause?: string;
  readonly count?: string;
}

export interface HookedRun {
  readonly status: number | null;
  readonly stderr: string;
}

const commandLine = (args: readonly string[]) => ['--import', HOOK, PROGRAM, ...args];

function environmentOf({ mode, at, journal, pause, count }: HookOptions): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NO_COLOR: '1',
    CRASH_MODE: mode,
    CRASH_AT: String(at ?? 0),
    ...(journal === undefined ? {} : { CRASH_JOURNAL: journal }),
    ...(pause === undefined ? {} : { CRASH_PAUSE: pause }),
    ...(count === undefined ? {} : { CRASH_COUNT: count }),
  };
}

/** An error of the program itself is an error of the test, whatever was done to its disk. */
export function expectNoBug(args: readonly string[], { status, stderr }: HookedRun): void {
  if (status === 255 || /\n\s+at /.test(stderr)) throw new Error(`wsvc ${args.join(' ')}: ${status} ${stderr}`);
}

/** Runs the built program with the hook. */
export function runHooked(folder: string, args: readonly string[], options: HookOptions): HookedRun {
  const { status, stderr } = spawnSync(process.execPath, commandLine(args), {
    cwd: folder,
    env: environmentOf(options),
    encoding: 'utf8',
  });
  expectNoBug(args, { status, stderr });
  return { status, stderr };
}

export function startHooked(folder: string, args: readonly string[], options: HookOptions): ChildProcess {
  return spawn(process.execPath, commandLine(args), { cwd: folder, env: environmentOf(options) });
}

/** The names of the changes of the disk that a command makes, in order; it is run for it. */
export function listChanges(folder: string, args: readonly string[]): readonly string[] {
  const count = `${folder}.count`;
  runHooked(folder, args, { mode: 'count', count });
  const names = existsSync(count) ? readFileSync(count, 'utf8').split('\n').slice(0, -1) : [];
  rmSync(count, { force: true });
  return names;
}
