#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

const [first, second] = process.argv.slice(2);
if (second === undefined && (first === '--version' || first === '-V')) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`wsvc ${version}\n`);
} else {
  // Commands run for a second or a minute: what runs for a moment is not worth compiling with care, which else takes up to a third of the time.
  setFlagsFromString('--interrupt-budget=600000');
  // Garbage is collected when the heap is 1.3 times what is in use, not four times: files of many tensors are a heap of small objects.
  setFlagsFromString('--heap-growing-percent=30');
  const { main } = await import('../dist/cli/main.js');
  await main(process.argv.slice(2), import.meta.url);
}
