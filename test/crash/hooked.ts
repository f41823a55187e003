import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PROGRAM } from '../commands/program.ts';
import type { JournalEntry } from './disk-model.ts';
import { runInside } from './in-process.ts';

const HOOK = fileURLToPath(new URL('hook.mjs', import.meta.url));

/** What `hook.mjs` is told; see there. */
export interface HookOptions {
  readonly mode: 'count' | 'kill' | 'fail' | 'full';
  readonly at?: number;
}

export interface HookedRun {
  readonly status: number | null;
  readonly stderr: string;
}

/** A command and the folder that it runs in. */
export type RunCommand = (folder: string, args: readonly string[], options: HookOptions) => Promise<HookedRun>;

const commandLine = (args: readonly string[]) => ['--import', HOOK, PROGRAM, ...args];

/** An error of the program itself is an error of the test, whatever was done to its disk. */
export function expectNoBug(args: readonly string[], { status, stderr }: HookedRun): void {
  if (status === 255 || /\n\s+at /.test(stderr)) throw new Error(`wsvc ${args.join(' ')}: ${status} ${stderr}`);
}

/** Runs a command in this process, as if it were one of its own. */
export const runHooked: RunCommand = async (folder, args, options) => {
  const run = await runInside(folder, args, options);
  expectNoBug(args, run);
  return run;
};

/** Runs a command to its end, undisturbed. */
export const runWhole = (folder: string, args: readonly string[]) => runHooked(folder, args, { mode: 'count' });

/** Runs the built program. */
export const runProcess: RunCommand = async (folder, args, { mode, at = 0 }) => {
  const { status, stderr } = spawnSync(process.execPath, commandLine(args), {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', CRASH_MODE: mode, CRASH_AT: String(at) },
    encoding: 'utf8',
  });
  expectNoBug(args, { status, stderr });
  return { status, stderr };
};

/** Where a process is to stand still. */
export interface PauseOptions {
  readonly at: number;
  /** Readings count too. */
  readonly reads: boolean;
  /** `.here` is made when it stands, and it goes on when there is `.go`. */
  readonly pause: string;
}

function pauseEnvironment(mode: 'count' | 'pause', reads: boolean, more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...process.env, NO_COLOR: '1', CRASH_MODE: mode, ...(reads ? { CRASH_READS: '1' } : {}), ...more };
}

/** Starts the built program, which stands still at one change. */
export function startPaused(folder: string, args: readonly string[], { at, reads, pause }: PauseOptions): ChildProcess {
  const env = pauseEnvironment('pause', reads, { CRASH_AT: String(at), CRASH_PAUSE: pause });
  return spawn(process.execPath, commandLine(args), { cwd: folder, env });
}

/** How often the built program changes the disk (and reads it); it is run for it. */
export function countChanges(folder: string, args: readonly string[], reads: boolean): number {
  const count = `${folder}.count`;
  const env = pauseEnvironment('count', reads, { CRASH_COUNT: count });
  const { status, stderr } = spawnSync(process.execPath, commandLine(args), { cwd: folder, env, encoding: 'utf8' });
  expectNoBug(args, { status, stderr });
  const names = existsSync(count) ? readFileSync(count, 'utf8').split('\n').slice(0, -1) : [];
  rmSync(count, { force: true });
  return names.length;
}

/** The names of the changes of the disk that a command makes, in order; it is run for it. */
export async function listChanges(folder: string, args: readonly string[]): Promise<readonly string[]> {
  const names: string[] = [];
  expectNoBug(args, await runInside(folder, args, { mode: 'count', onChange: (kind) => names.push(kind) }));
  return names;
}

/** What a command writes and flushes; it is run for it. */
export async function recordChanges(folder: string, args: readonly string[]): Promise<readonly JournalEntry[]> {
  const entries: JournalEntry[] = [];
  expectNoBug(args, await runInside(folder, args, { mode: 'record', onEntry: (entry) => entries.push(entry) }));
  return entries;
}
