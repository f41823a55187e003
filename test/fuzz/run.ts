import { addTally, type Batch, type BatchResult, emptyTally, type Finding, type Tally } from './protocol.ts';
import { createWorker, type FuzzWorker } from './workers.ts';

/** How many cases are given out at a time. */
const BATCH_CASES = 250;

export interface RunOptions {
  readonly first: number;
  readonly mutations: number;
  readonly seed: number;
  readonly formats: readonly string[];
  readonly workers: number;
  readonly onFinding: (finding: Finding) => void;
  readonly onProgress: (done: number) => void;
}

/** What a whole run came to. */
export interface RunResult {
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly rules: ReadonlySet<string>;
  readonly findings: readonly Finding[];
}

/** Runs a batch; where that ends a worker, its cases one by one, so that the case is named. */
async function runBatch(worker: FuzzWorker, batch: Batch): Promise<readonly BatchResult[]> {
  const result = await worker.run(batch);
  if (result !== undefined) return [result];
  if (batch.count === 1) {
    const fault = 'the process hung or broke';
    const tallies = { '?': { ...emptyTally(), fault: 1 } };
    return [{ batch, tallies, rules: [], findings: [{ index: batch.first, seedName: '?', fault }] }];
  }
  const half = Math.floor(batch.count / 2);
  return [
    ...(await runBatch(worker, { first: batch.first, count: half })),
    ...(await runBatch(worker, { first: batch.first + half, count: batch.count - half })),
  ];
}

/** Runs all cases, in as many processes as asked for. */
export async function runFuzz(options: RunOptions): Promise<RunResult> {
  const tallies = new Map<string, Tally>();
  const rules = new Set<string>();
  const findings: Finding[] = [];
  let next = options.first;
  let done = 0;
  const end = options.first + options.mutations;
  const take = (result: BatchResult): void => {
    for (const [format, tally] of Object.entries(result.tallies)) {
      const sum = tallies.get(format) ?? emptyTally();
      tallies.set(format, sum);
      addTally(sum, tally);
    }
    for (const rule of result.rules) rules.add(rule);
    for (const finding of result.findings) options.onFinding(finding);
    findings.push(...result.findings);
    done += result.batch.count;
    options.onProgress(done);
  };
  const work = async (): Promise<void> => {
    const worker = createWorker({ seed: options.seed, formats: options.formats });
    try {
      while (next < end) {
        const batch = { first: next, count: Math.min(BATCH_CASES, end - next) };
        next += batch.count;
        for (const result of await runBatch(worker, batch)) take(result);
      }
    } finally {
      worker.end();
    }
  };
  await Promise.all(Array.from({ length: options.workers }, work));
  return { tallies, rules, findings };
}
