import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { auroc } from './auroc.ts';
import { adjustedRand, kendallTau } from './forest-score.ts';
import { brierScore, calibrationError, tabulateReliability } from './reliability.ts';
import { singleLinkage } from './standard-methods.ts';
import { formatMarkdown } from './table.ts';
import { compareToFirst, medianOf } from './timing.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const runMain = (...args: readonly string[]) =>
  spawnSync(process.execPath, ['node_modules/tsx/dist/cli.mjs', 'test/bench/main.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  });

describe('npm run bench', () => {
  it('lists its benchmarks', () => {
    const { status, stdout } = runMain('--list');
    expect(status).toBe(0);
    for (const name of ['startup', 'speed', 'storage', 'lineage', 'paper', 'codec'])
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  it('refuses a name it does not know', () => {
    const { status, stderr } = runMain('nonsense');
    expect(status).toBe(2);
    expect(stderr).toContain('There is no benchmark nonsense.');
  });
});

describe('the scores', () => {
  it.each([
    { a: [0, 0, 1, 1], b: [5, 5, 7, 7], ari: 1 },
    { a: [0, 0, 1, 1], b: [0, 1, 0, 1], ari: -0.5 },
    { a: [0, 0, 0, 1, 1, 1], b: [0, 0, 1, 1, 2, 2], ari: 8 / 33 },
  ])('adjusted Rand index of $a and $b', ({ a, b, ari }) => {
    expect(adjustedRand(a, b)).toBeCloseTo(ari, 12);
  });

  it.each([
    { sequence: [0, 1, 2, 3], tau: 1 },
    { sequence: [3, 2, 1, 0], tau: -1 },
    { sequence: [0, 2, 1, 3], tau: 2 / 3 },
  ])('tau of $sequence', ({ sequence, tau }) => {
    expect(kendallTau(sequence)).toBeCloseTo(tau, 12);
  });

  it.each([
    { positives: [3, 4], negatives: [1, 2], area: 1 },
    { positives: [1], negatives: [2, 3], area: 0 },
    { positives: [1, 2], negatives: [1, 2], area: 0.5 },
    { positives: [2, 2, 5], negatives: [2, 1], area: 5 / 6 },
  ])('area under the curve of $positives over $negatives', ({ positives, negatives, area }) => {
    expect(auroc(positives, negatives)).toBeCloseTo(area, 12);
  });

  it('takes medians, and ratios within a round', () => {
    expect(medianOf([3, 1, 2])).toBe(2);
    expect(medianOf([4, 1, 2, 3])).toBe(2.5);
    const rounds = [
      [10, 30],
      [100, 200],
      [10, 25],
    ];
    expect(compareToFirst(rounds, 1)).toEqual({ median: 30, ratio: 2.5 });
  });

  it('links what is near until so many clusters remain', () => {
    const labels = singleLinkage(
      [0, 1, 10, 2, 11, 50].map((x) => Float32Array.of(x)),
      3,
    );
    expect(new Set(labels).size).toBe(3);
    expect(labels[0]).toBe(labels[3]);
    expect(labels[2]).toBe(labels[4]);
    expect(labels[5]).not.toBe(labels[0]);
  });

  it('tells stated confidence from what is right', () => {
    const stated = [
      { what: 'a', confidence: 0.75, isRight: true },
      { what: 'a', confidence: 0.75, isRight: false },
      { what: 'b', confidence: 1, isRight: true },
    ];
    const [first, second] = tabulateReliability(stated).rows;
    expect(first?.slice(0, 7)).toEqual(['a', '2', '0.750', '0.500', '-', '-', '0.75: 0.50 of 2']);
    expect(second?.slice(0, 4)).toEqual(['b', '1', '1.000', '1.000']);
    expect(brierScore(stated.slice(0, 2))).toBeCloseTo((0.0625 + 0.5625) / 2, 12);
    expect(calibrationError(stated.slice(0, 2))).toBeCloseTo(0.25, 12);
  });

  it('prints a table as Markdown', () => {
    const text = formatMarkdown({ title: 'T', columns: ['a', 'b'], rows: [['1', '2']], notes: ['N.'] });
    expect(text).toBe('**T**\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n- N.\n');
  });
});
