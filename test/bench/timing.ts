import { spawnSync } from 'node:child_process';

/** The middle value; the mean of the two middle ones. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

export interface Timed<Measurement> {
  readonly name: string;
  /** Runs once, and says what it took. */
  measure(): Measurement;
}

/**
 * Measures candidates in rounds, one after the other in each, so that whatever else the machine does hits all alike. One round before
 * does not count. Returns the rounds: a measurement a candidate in each.
 */
export function measureInRounds<Measurement>(
  candidates: readonly Timed<Measurement>[],
  rounds: number,
): readonly (readonly Measurement[])[] {
  for (const candidate of candidates) candidate.measure();
  return Array.from({ length: rounds }, () => candidates.map((candidate) => candidate.measure()));
}

/** Median over rounds of a candidate's figure, and of its ratio to the first candidate's in the same round. */
export function compareToFirst(
  rounds: readonly (readonly number[])[],
  candidate: number,
): { readonly median: number; readonly ratio: number } {
  return {
    median: medianOf(rounds.map((round) => round[candidate] ?? Number.NaN)),
    ratio: medianOf(rounds.map((round) => (round[candidate] ?? Number.NaN) / (round[0] ?? Number.NaN))),
  };
}

export interface ProcessTime {
  readonly wallMs: number;
  /** User and system time of the process and its children, in ms. */
  readonly cpuMs: number;
}

/** Bash reports what a child took, to the millisecond; Node does not. */
const TIMED = 'TIMEFORMAT="cpu %3U %3S"; time "$@" >/dev/null 2>/dev/null';

/**
 * Runs a program and waits for it.
 *
 * @throws Error when it fails.
 */
export function timeProcess(folder: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): ProcessTime {
  const start = performance.now();
  const run = spawnSync('bash', ['-c', TIMED, 'bench', ...command], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', ...env },
  });
  const wallMs = performance.now() - start;
  if (run.status !== 0) throw new Error(`${command.join(' ')} ended with ${run.status}: ${run.stderr}`);
  const [, user = '0', system = '0'] = /cpu ([\d.]+) ([\d.]+)/.exec(run.stderr) ?? [];
  return { wallMs, cpuMs: 1000 * (Number(user) + Number(system)) };
}

/** True when a program is installed. */
export function hasProgram(name: string): boolean {
  return spawnSync('bash', ['-c', 'command -v "$1"', 'bench', name]).status === 0;
}
