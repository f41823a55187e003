import { describe, expect, it } from 'vitest';
import { logChiSquareTail, logFactorial, logGamma, logNormalTail, logStudentTail } from '../../src/symmetry/tails.ts';
import { pythonHas, runPython } from '../peers.ts';

function expectClose(actual: number, expected: number, relative = 1e-12): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(relative * Math.max(1e-3, Math.abs(expected)));
}

describe('log tails', () => {
  it.each([
    ['normal tail beyond 37', logNormalTail(37), -689.0306],
    ['chi-square tail of 10 degrees beyond 800', logChiSquareTail(800, 10), -379.2022],
  ])('agrees with the known %s', (_, actual, expected) => {
    expect(actual).toBeCloseTo(expected, 3);
  });

  it('sums Fisher tails of an even number of degrees exactly', () => {
    // P(chi2_2k > x) = exp(-x/2) sum_{j<k} (x/2)^j / j!
    for (const [x, k] of [
      [3, 1],
      [20, 3],
      [700, 8],
      [5, 8],
    ] as const) {
      const sum = Array.from({ length: k }, (_, j) => Math.exp(j * Math.log(x / 2) - logFactorial(j))).reduce(
        (a, b) => a + b,
      );
      expectClose(logChiSquareTail(x, 2 * k), -x / 2 + Math.log(sum), 1e-11);
    }
  });

  it('has factorials that multiply up', () => {
    let log = 0;
    for (let n = 1; n < 200; n++) {
      log += Math.log(n);
      expectClose(logFactorial(n), log, 1e-13);
    }
    expectClose(logGamma(0.5), Math.log(Math.sqrt(Math.PI)));
  });

  it('reaches a log probability of -1e5 and beyond', () => {
    const z = Math.sqrt(2e5);
    expectClose(logNormalTail(z), -1e5 - Math.log(z) - 0.5 * Math.log(2 * Math.PI), 1e-9);
    expect(Number.isFinite(logChiSquareTail(2e5, 3))).toBe(true);
    expect(Number.isFinite(logStudentTail(1e50, 900))).toBe(true);
  });

  it('is symmetric round zero', () => {
    for (const z of [0, 0.3, 1.9, 2, 2.1, 6]) {
      expectClose(Math.exp(logNormalTail(z)) + Math.exp(logNormalTail(-z)), 1);
      expectClose(Math.exp(logStudentTail(z, 4)) + Math.exp(logStudentTail(-z, 4)), 1);
    }
  });
});

const SCIPY = `
import json,sys
from scipy import stats
q=json.loads(sys.argv[1])
print(json.dumps({'normal':[float(stats.norm.logsf(z)) for z in q['normal']],
 'chi':[float(stats.chi2.logsf(x,k)) for x,k in q['chi']],'t':[float(stats.t.logsf(x,k)) for x,k in q['t']]}))`;

describe.skipIf(!pythonHas('scipy'))('log tails against scipy', () => {
  it('agrees on a grid', () => {
    const normal = Array.from({ length: 240 }, (_, i) => -30 + i * 0.37);
    const degrees = [1, 2, 3, 7, 10, 55, 400];
    const chi = degrees.flatMap((k) => [0.01, 0.7, 1, 2.5, 5].map((factor) => [factor * k, k] as const));
    const t = degrees.flatMap((k) => [-9, -1, -0.1, 0, 0.2, 1, 2, 5, 12].map((x) => [x, k] as const));
    const answer: Record<'normal' | 'chi' | 't', number[]> = JSON.parse(
      runPython(SCIPY, JSON.stringify({ normal, chi, t })),
    );
    for (const [i, z] of normal.entries()) expectClose(logNormalTail(z), answer.normal[i] ?? Number.NaN, 1e-10);
    for (const [i, [x, k]] of chi.entries()) expectClose(logChiSquareTail(x, k), answer.chi[i] ?? Number.NaN, 1e-10);
    for (const [i, [x, k]] of t.entries()) expectClose(logStudentTail(x, k), answer.t[i] ?? Number.NaN, 1e-10);
  });
});
