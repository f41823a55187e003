import { type CasePlan, planCases } from './cases.ts';
import { collectSeeds } from './corpus.ts';
import { type Measured, measureCase } from './measure.ts';
import { type Batch, type BatchResult, emptyTally, type Finding, type Tally, type WorkerSettings } from './protocol.ts';

function count(tally: Tally, index: number, { verdict, cpuMs, growthBytes }: Measured): void {
  tally[verdict.outcome] += 1;
  if (verdict.hasOffset === true) tally.located += 1;
  if (cpuMs > tally.maxCpuMs) [tally.maxCpuMs, tally.maxCpuCase] = [cpuMs, index];
  if (growthBytes > tally.maxGrowthBytes) [tally.maxGrowthBytes, tally.maxGrowthCase] = [growthBytes, index];
}

async function runBatch(plan: CasePlan, batch: Batch): Promise<BatchResult> {
  const tallies: Record<string, Tally> = {};
  const rules = new Set<string>();
  const findings: Finding[] = [];
  for (let index = batch.first; index < batch.first + batch.count; index += 1) {
    const measured = await measureCase(plan, index);
    const { mutant, verdict } = measured;
    tallies[mutant.format] ??= emptyTally();
    count(tallies[mutant.format] ?? emptyTally(), index, measured);
    if (verdict.rule !== undefined) rules.add(`${mutant.format}: ${verdict.rule}`);
    if (verdict.fault !== undefined) findings.push({ index, seedName: mutant.seedName, fault: verdict.fault });
  }
  return { batch, tallies, rules: [...rules], findings };
}

const settings: WorkerSettings = JSON.parse(process.argv[2] ?? '{}');
const seeds = [...(await collectSeeds())].filter(
  ([format]) => settings.formats.length === 0 || settings.formats.includes(format),
);
const plan = planCases(new Map(seeds), settings.seed);
process.on('message', (batch: Batch) => {
  runBatch(plan, batch).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});
process.send?.({ truncations: plan.truncations });
