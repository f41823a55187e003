/** What a worker is asked: to run the cases from `first` on. */
export interface Batch {
  readonly first: number;
  readonly count: number;
}

/** One case in which something is wrong. */
export interface Finding {
  readonly index: number;
  readonly seedName: string;
  readonly fault: string;
}

/** Counts over cases that came out the same. */
export interface Tally {
  read: number;
  refused: number;
  /** Refusals that say where in the file. */
  located: number;
  fault: number;
  /** The most one case took: CPU time of the process, resident memory above what was there before it. */
  maxCpuMs: number;
  maxCpuCase: number;
  maxGrowthBytes: number;
  maxGrowthCase: number;
}

export interface BatchResult {
  readonly batch: Batch;
  readonly tallies: Readonly<Record<string, Tally>>;
  readonly rules: readonly string[];
  readonly findings: readonly Finding[];
}

/** What a worker is started with, as its argument. */
export interface WorkerSettings {
  readonly seed: number;
  readonly formats: readonly string[];
}

/** A tally of nothing. */
export function emptyTally(): Tally {
  return {
    read: 0,
    refused: 0,
    located: 0,
    fault: 0,
    maxCpuMs: 0,
    maxCpuCase: -1,
    maxGrowthBytes: 0,
    maxGrowthCase: -1,
  };
}

/** Adds a tally to another. */
export function addTally(sum: Tally, part: Tally): void {
  sum.read += part.read;
  sum.refused += part.refused;
  sum.located += part.located;
  sum.fault += part.fault;
  if (part.maxCpuMs > sum.maxCpuMs) [sum.maxCpuMs, sum.maxCpuCase] = [part.maxCpuMs, part.maxCpuCase];
  if (part.maxGrowthBytes > sum.maxGrowthBytes) {
    [sum.maxGrowthBytes, sum.maxGrowthCase] = [part.maxGrowthBytes, part.maxGrowthCase];
  }
}
