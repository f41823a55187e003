import type { CasePlan, FuzzCase } from './cases.ts';
import { judgeCase, type Verdict } from './judge.ts';
import { resetPeak, residentBytes } from './memory.ts';

/** A case may take this much memory, whatever its size: a chunk or two, a node's young generation, what the last case left. */
const FREE_BYTES = 96 * 1024 * 1024;
/** And so many times the size of its files. */
const GROWTH = 32;
/** One case of so many is also planned for storage. */
const PLAN_EVERY = 8;

/** What a case did and what it took. */
export interface Measured {
  readonly mutant: FuzzCase;
  readonly verdict: Verdict;
  readonly cpuMs: number;
  readonly growthBytes: number;
}

function sizeOf({ files }: FuzzCase): number {
  return Object.values(files).reduce((sum, bytes) => sum + bytes.byteLength, 0);
}

async function measureOnce(mutant: FuzzCase, isPlanned: boolean): Promise<Omit<Measured, 'mutant'>> {
  resetPeak();
  const before = residentBytes().now;
  const start = process.cpuUsage();
  const verdict = await judgeCase(mutant, isPlanned);
  const { user, system } = process.cpuUsage(start);
  return { verdict, cpuMs: (user + system) / 1000, growthBytes: Math.max(0, residentBytes().peak - before) };
}

/** Runs one case by its number. */
export function measureCase(plan: CasePlan, index: number): Promise<Measured> {
  return measureMutant(plan.makeCase(index), index % PLAN_EVERY === 0);
}

/** Runs one case; one that seems to take too much runs again after the garbage is gone. */
export async function measureMutant(mutant: FuzzCase, isPlanned: boolean): Promise<Measured> {
  const limit = FREE_BYTES + GROWTH * sizeOf(mutant);
  let measured = await measureOnce(mutant, isPlanned);
  for (let tries = 0; tries < 2 && measured.growthBytes > limit; tries += 1) {
    globalThis.gc?.();
    measured = await measureOnce(mutant, isPlanned);
  }
  if (measured.growthBytes <= limit) return { mutant, ...measured };
  const fault = `${Math.round(measured.growthBytes / 2 ** 20)} MiB for a file of ${sizeOf(mutant)} bytes`;
  return { mutant, ...measured, verdict: { outcome: 'fault', fault } };
}
