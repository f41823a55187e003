#!/usr/bin/env node
import { readFileSync } from 'node:fs';

const [first, second] = process.argv.slice(2);
if (second === undefined && (first === '--version' || first === '-V')) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`wsvc ${version}\n`);
} else {
  const { main } = await import('../dist/cli/main.js');
  await main(process.argv.slice(2), import.meta.url);
}
