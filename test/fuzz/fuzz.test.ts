import { beforeAll, describe, expect, it } from 'vitest';
import { type CasePlan, planCases } from './cases.ts';
import { collectSeeds } from './corpus.ts';
import { type Measured, measureCase } from './measure.ts';

/** `npm run fuzz` is the long run; this one has a fixed seed and takes seconds. */
const SEED = 7;
const CASES = 1200;

let plan: CasePlan;
beforeAll(async () => {
  plan = planCases(await collectSeeds(), SEED);
});

async function measureAll(indexes: readonly number[]): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (const index of indexes) measured.push(await measureCase(plan, index));
  return measured;
}

const faultsOf = (measured: readonly Measured[]) =>
  measured.flatMap(({ verdict, mutant }) => (verdict.fault === undefined ? [] : [[mutant.seedName, verdict.fault]]));

describe('hostile files', () => {
  it('are read or refused by a named rule', async () => {
    const measured = await measureAll(Array.from({ length: CASES }, (_, i) => plan.truncations + i));
    expect(faultsOf(measured)).toEqual([]);
    const formats = new Set(measured.map(({ mutant }) => mutant.format));
    expect(formats.size).toBeGreaterThan(14);
    const refused = measured.filter(({ verdict }) => verdict.outcome === 'refused');
    // If nothing were broken, or nothing left whole, this would test nothing.
    expect(refused.length).toBeGreaterThan(CASES / 3);
    expect(refused.length).toBeLessThan((CASES * 9) / 10);
  });

  it('also when they end too soon', async () => {
    const step = Math.floor(plan.truncations / 400);
    const measured = await measureAll(Array.from({ length: 400 }, (_, i) => i * step));
    expect(faultsOf(measured)).toEqual([]);
  });

  it('are the same whenever they are made', () => {
    const [first, again] = [plan.makeCase(plan.truncations + 99), plan.makeCase(plan.truncations + 99)];
    expect(first).toEqual(again);
  });
});
