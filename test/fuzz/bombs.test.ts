import { describe, expect, it } from 'vitest';
import { makeBombs } from './bombs.ts';
import { measureMutant } from './measure.ts';

describe('bombs', () => {
  it.each(makeBombs().map((bomb) => [bomb.name, bomb] as const))('%s', async (_, { files, rule, name }) => {
    const measured = await measureMutant({ format: 'unknown', seedName: name, files }, true);
    expect(measured.verdict.fault).toBeUndefined();
    if (rule === undefined) expect(measured.verdict.outcome).toBe('read');
    else expect(measured.verdict.rule).toMatch(rule);
  });
});
