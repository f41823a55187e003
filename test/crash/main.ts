import { CASES } from './operations.ts';
import { runCase } from './run-case.ts';

/** Kills every command at every change of the disk, and makes every change fail; `npm run crash -- NAME... --step N` does less. */
const args = process.argv.slice(2);
const at = args.indexOf('--step');
const step = at < 0 ? 1 : Number(args[at + 1]);
const names = new Set(at < 0 ? args : [...args.slice(0, at), ...args.slice(at + 2)]);

let total = 0;
for (const one of CASES) {
  if (names.size > 0 && !names.has(one.name)) continue;
  const tried = await runCase(one, step);
  total += tried;
  console.log(`${one.name}: ${tried} points, nothing lost`);
}
console.log(`${total} points tried, nothing lost`);
