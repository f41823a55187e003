import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Bench, DEVELOP_SEED } from './bench.ts';
import { codec } from './codec.ts';
import { lineage } from './lineage.ts';
import { memory } from './memory.ts';
import { paper } from './paper/paper.ts';
import { scale } from './scale.ts';
import { speed } from './speed.ts';
import { startup } from './startup.ts';
import { storage } from './storage.ts';
import { strangers } from './strangers.ts';
import { type BenchTable, formatMarkdown, formatText } from './table.ts';

const BENCHES: readonly Bench[] = [startup, scale, speed, storage, lineage, paper, codec, memory, strangers];

const USAGE = `npm run bench -- [NAME…] [--seed N] [--large] [--markdown] [--json FILE] [--figures DIR] [--only TEXT]

${BENCHES.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join('\n')}

Without names all run, but for memory and strangers. --seed ${DEVELOP_SEED} is the one that methods are developed on; take another to score them once.
--only TEXT measures the sets (storage) or zoos (lineage) whose name contains it.
`;

function readArguments() {
  return parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: String(DEVELOP_SEED) },
      large: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      json: { type: 'string' },
      figures: { type: 'string' },
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
}

function findBenches(names: readonly string[]): readonly Bench[] {
  if (names.length === 0) return BENCHES.filter(({ isHeavy }) => isHeavy !== true);
  return names.map((name) => {
    const bench = BENCHES.find((candidate) => candidate.name === name);
    if (bench === undefined) throw new Error(`There is no benchmark ${name}.\n\n${USAGE}`);
    return bench;
  });
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  if (values.list || values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new Error('--seed takes a whole number.');
  const report = (text: string) => process.stderr.write(`  ${text}\n`);
  const options = {
    seed,
    large: values.large,
    report,
    ...(values.figures === undefined ? {} : { figures: values.figures }),
    ...(values.only === undefined ? {} : { only: values.only }),
  };
  const measured: {
    readonly bench: string;
    readonly seed: number;
    readonly seconds: number;
    readonly table: BenchTable;
  }[] = [];
  for (const bench of findBenches(positionals)) {
    report(`${bench.name}: ${bench.about}`);
    const start = performance.now();
    for await (const table of bench.run(options)) {
      const seconds = (performance.now() - start) / 1000;
      process.stdout.write(`${values.markdown ? formatMarkdown(table) : formatText(table)}\n`);
      measured.push({ bench: bench.name, seed, seconds, table });
    }
    report(`${bench.name}: ${((performance.now() - start) / 1000).toFixed(0)} s`);
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(measured, null, 2)}\n`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
