import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { planCases } from './cases.ts';
import { collectSeeds } from './corpus.ts';
import { measureCase } from './measure.ts';
import { type RunResult, runFuzz } from './run.ts';

const USAGE = `npm run fuzz -- [--mutations N] [--seed N] [--workers N] [--format NAME]… [--from I] [--json FILE]
npm run fuzz -- --case I [--seed N] [--out FOLDER]

Makes mutants of small valid files of every format: every truncation first, then changes by chance. Every one must be read, or refused
with an error that names the broken rule; nothing may crash, hang, or take memory that its size does not justify. Exit code 3: it found
something. --case runs one case again, and writes its files to a folder.
`;

function readArguments() {
  return parseArgs({
    options: {
      mutations: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      workers: { type: 'string', default: '2' },
      from: { type: 'string', default: '0' },
      format: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      case: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  }).values;
}

type Arguments = ReturnType<typeof readArguments>;

function formatTable({ tallies, rules, findings }: RunResult): string {
  const sorted = [...tallies].sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = sorted.map(([format, tally]) => {
    const total = tally.read + tally.refused + tally.fault;
    const located = tally.refused === 0 ? '-' : (tally.located / tally.refused).toFixed(2);
    const ofFormat = [...rules].filter((rule) => rule.startsWith(`${format}: `)).length;
    const mib = (tally.maxGrowthBytes / 2 ** 20).toFixed(0);
    return `| ${format} | ${total} | ${tally.read} | ${tally.refused} | ${ofFormat} | ${located} | ${tally.fault} | ${tally.maxCpuMs.toFixed(0)} | ${mib} |`;
  });
  const head = [
    'format',
    'mutants',
    'read',
    'refused',
    'rules',
    'with offset',
    'faults',
    'most CPU, ms',
    'most memory, MiB',
  ];
  const lines = [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...rows];
  return `${lines.join('\n')}\n\n${findings.length} findings, ${rules.size} rules.\n`;
}

async function runAll(values: Arguments): Promise<void> {
  const start = performance.now();
  let told = 0;
  const result = await runFuzz({
    first: Number(values.from),
    mutations: Number(values.mutations),
    seed: Number(values.seed),
    formats: values.format,
    workers: Number(values.workers),
    onFinding: ({ index, seedName, fault }) => process.stderr.write(`case ${index} (${seedName}): ${fault}\n`),
    onProgress(done) {
      if (done - told < 10_000) return;
      told = done;
      process.stderr.write(`${done} cases, ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
    },
  });
  process.stdout.write(formatTable(result));
  const { tallies, rules, findings } = result;
  const all = {
    seed: values.seed,
    mutations: values.mutations,
    tallies: [...tallies],
    findings,
    rules: [...rules].sort(),
  };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(all, null, 1)}\n`);
  if (findings.length > 0) process.exitCode = 3;
}

async function runOne(values: Arguments): Promise<void> {
  const seeds = [...(await collectSeeds())].filter(
    ([format]) => values.format.length === 0 || values.format.includes(format),
  );
  const plan = planCases(new Map(seeds), Number(values.seed));
  const index = Number(values.case);
  const { files, seedName } = plan.makeCase(index);
  for (const [name, bytes] of values.out === undefined ? [] : Object.entries(files)) {
    const path = join(values.out ?? '', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  const { verdict, cpuMs, growthBytes } = await measureCase(plan, index);
  const found = { seedName, verdict, cpuMs: Math.round(cpuMs), growthMiB: Math.round(growthBytes / 2 ** 20) };
  process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
}

async function main(): Promise<void> {
  const values = readArguments();
  if (values.help) process.stdout.write(USAGE);
  else if (values.case !== undefined) await runOne(values);
  else await runAll(values);
}

await main();
process.exit();
