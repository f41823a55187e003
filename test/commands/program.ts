import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The program as it is installed. */
export const PROGRAM = join(ROOT, 'bin', 'run.js');
const BUILT = join(ROOT, 'oclif.manifest.json');
const LOCK = join(ROOT, 'node_modules', '.building-wsvc');

function newestIn(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return Math.max(...entries.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

function isBuilt(): boolean {
  const built = statSync(BUILT, { throwIfNoEntry: false });
  return built !== undefined && built.mtimeMs > newestIn(join(ROOT, 'src'));
}

function tryLock(): boolean {
  try {
    mkdirSync(LOCK);
    return true;
  } catch {
    return false;
  }
}

/** Builds the program where the sources are newer than it; one process at a time does. */
async function ensureBuilt(): Promise<void> {
  for (let waited = 0; !isBuilt(); waited += 200) {
    if (waited > 100_000) throw new Error(`${LOCK} is in the way: is another build running?`);
    if (!tryLock()) {
      await sleep(200);
      continue;
    }
    try {
      execFileSync(process.execPath, [join(ROOT, 'bin', 'build.js')], { stdio: ['ignore', 'ignore', 'inherit'] });
    } finally {
      rmdirSync(LOCK);
    }
  }
}

await ensureBuilt();

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ENVIRONMENT = {
  ...process.env,
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  DEBUG: '',
  NO_COLOR: '1',
  TZ: 'UTC',
};

export function startWsvc(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env: { ...ENVIRONMENT, ...env } });
}

/** Runs the built program in a folder, as a user would. */
export function runWsvc(folder: string, ...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = startWsvc(folder, args);
    let [stdout, stderr] = ['', ''];
    child.stdin.end();
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** Runs a command that succeeds (or whose answer is no); returns what `--json` says. */
export async function askWsvc<Result>(folder: string, ...args: readonly string[]): Promise<Result> {
  const cut = args.indexOf('--');
  const all = cut < 0 ? [...args, '--json'] : [...args.slice(0, cut), '--json', ...args.slice(cut)];
  const { status, stdout, stderr } = await runWsvc(folder, ...all);
  if (status !== 0 && status !== 1 && status !== 3)
    throw new Error(`wsvc ${args.join(' ')}: ${status} ${stdout}${stderr}`);
  const result: Result = JSON.parse(stdout);
  return result;
}

export interface Refusal {
  readonly status: number | null;
  readonly code: string;
  readonly message: string;
  readonly suggestions: readonly string[];
}

/** Runs a command that fails; returns its error, after making sure that nothing else was printed. */
export async function refuseWsvc(folder: string, ...args: readonly string[]): Promise<Refusal> {
  const cut = args.indexOf('--');
  const all = cut < 0 ? [...args, '--json'] : [...args.slice(0, cut), '--json', ...args.slice(cut)];
  const { status, stdout, stderr } = await runWsvc(folder, ...all);
  if (stderr !== '' || /\n\s+at /.test(stdout)) throw new Error(`stray output: ${stderr}${stdout}`);
  const { error }: { error: Omit<Refusal, 'status'> } = JSON.parse(stdout);
  return { status, ...error };
}
