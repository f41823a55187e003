import { expect, it } from 'vitest';
import { CASES } from './operations.ts';
import { runCase } from './run-case.ts';

/** All points of all commands are tried by `npm run crash`; here a few of those that take something away. */
it.each(['add --move', 'prune', 'gc after prune'])(
  'wsvc %s, killed, loses nothing',
  async (name) => {
    const one = CASES.find((candidate) => candidate.name === name);
    if (one === undefined) throw new Error(`no case ${name}`);
    const tried = await runCase(one, 17, ['kill']);
    console.log(`${name}: killed at ${tried} points`);
    expect(tried).toBeGreaterThan(1);
  },
  120_000,
);
