import { fileURLToPath } from 'node:url';
import { Config } from '@oclif/core';
import Add from '../../src/commands/add.ts';
import Branch from '../../src/commands/branch.ts';
import Commit from '../../src/commands/commit.ts';
import Diff from '../../src/commands/diff.ts';
import Du from '../../src/commands/du.ts';
import Fsck from '../../src/commands/fsck.ts';
import Gc from '../../src/commands/gc.ts';
import Identify from '../../src/commands/identify.ts';
import Import from '../../src/commands/import.ts';
import Init from '../../src/commands/init.ts';
import Lineage from '../../src/commands/lineage.ts';
import Log from '../../src/commands/log.ts';
import Monitor from '../../src/commands/monitor.ts';
import Prune from '../../src/commands/prune.ts';
import Reindex from '../../src/commands/reindex.ts';
import Reset from '../../src/commands/reset.ts';
import Restore from '../../src/commands/restore.ts';
import Show from '../../src/commands/show.ts';
import Status from '../../src/commands/status.ts';
import Switch from '../../src/commands/switch.ts';
import Tag from '../../src/commands/tag.ts';
import { type HookSession, runWatched, watched } from './hook.mjs';

interface Runnable {
  run(argv: string[], config: Config): Promise<unknown>;
}

const COMMANDS: Readonly<Record<string, Runnable>> = {
  add: Add,
  branch: Branch,
  commit: Commit,
  diff: Diff,
  du: Du,
  fsck: Fsck,
  gc: Gc,
  identify: Identify,
  import: Import,
  init: Init,
  lineage: Lineage,
  log: Log,
  monitor: Monitor,
  prune: Prune,
  reindex: Reindex,
  reset: Reset,
  restore: Restore,
  show: Show,
  status: Status,
  switch: Switch,
  tag: Tag,
};

/** No process has such a number: who looks for it finds that it is dead. */
const ABOVE_ALL_PROCESSES = 1 << 23;
let runs = 0;

/** A command that believes that it is a process. */
class Pretended {
  readonly pid = ABOVE_ALL_PROCESSES + ++runs;
  stderr = '';
}

const running = (): Pretended | undefined => {
  const session = watched();
  if (typeof session !== 'object' || session === null || !('process' in session)) return undefined;
  return session.process instanceof Pretended ? session.process : undefined;
};

const { pid } = process;
Object.defineProperty(process, 'pid', { get: () => running()?.pid ?? pid });
for (const name of ['stdout', 'stderr'] as const) {
  const write = process[name].write.bind(process[name]);
  process[name].write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    const command = running();
    if (command === undefined) return Reflect.apply(write, process[name], [chunk, ...rest]);
    if (name === 'stderr') command.stderr += String(chunk);
    return true;
  };
}

let config: Promise<Config> | undefined;

export interface InsideRun {
  /** `null`: killed. */
  readonly status: number | null;
  readonly stderr: string;
}

/** Runs a command in this process: starting one would take ten times as long as what is tested. */
export async function runInside(
  folder: string,
  [name = '', ...args]: readonly string[],
  options: Omit<HookSession<unknown>, 'more'>,
): Promise<InsideRun> {
  const command = COMMANDS[name];
  if (command === undefined) throw new Error(`no command ${name}`);
  config ??= Config.load({ root: fileURLToPath(new URL('../..', import.meta.url)) });
  const loaded = await config;
  const pretended = new Pretended();
  process.exitCode = undefined;
  const isKilled = await runWatched({ ...options, more: { process: pretended } }, () =>
    command.run(['-C', folder, ...args], loaded),
  );
  const status = isKilled ? null : Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  return { status, stderr: pretended.stderr };
}
