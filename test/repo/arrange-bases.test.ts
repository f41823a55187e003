import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ArrangeProblem, arrangeBases, NO_BASE } from '../../src/repo/arrange-bases.ts';

/** A run whose checkpoints take more the farther their base is. */
function runOf(length: number, depth: number): ArrangeProblem {
  const nodes = Array.from({ length }, (_, node) => node);
  const edges = nodes.map((node) =>
    nodes
      .filter((base) => base !== node)
      .map((base) => ({ base, cost: 0.1 * Math.sqrt(Math.abs(base - node)) }))
      .sort((a, b) => a.cost - b.cost || a.base - b.base),
  );
  return { alone: nodes.map(() => 0.8), edges, depth };
}

/** Steps from a node to one without a base; endless where they form a circle. */
function depthOf(bases: readonly number[], node: number): number {
  let depth = 0;
  for (let at = bases[node] ?? NO_BASE; at !== NO_BASE && depth <= bases.length; at = bases[at] ?? NO_BASE) depth++;
  return depth;
}

const costOf = ({ alone, edges }: ArrangeProblem, bases: readonly number[]): number =>
  bases.reduce((sum, base, node) => {
    const cost = base === NO_BASE ? alone[node] : edges[node]?.find((edge) => edge.base === base)?.cost;
    return sum + (cost ?? Number.POSITIVE_INFINITY);
  }, 0);

describe('arrangeBases', () => {
  it('stays within the longest chain, and takes less than all against one', () => {
    for (const depth of [1, 2, 3]) {
      const problem = runOf(20, depth);
      const bases = arrangeBases(problem);
      for (const node of bases.keys()) expect(depthOf(bases, node)).toBeLessThanOrEqual(depth);
      const star = bases.map((_, node) => (node === 10 ? NO_BASE : 10));
      expect(costOf(problem, bases)).toBeLessThanOrEqual(costOf(problem, star) + 1e-9);
    }
  });

  it('takes a base that came later', () => {
    const near = (base: number) => [{ base, cost: 0.1 }];
    expect(arrangeBases({ alone: [0.9, 0.9, 0.9], edges: [near(2), near(2), []], depth: 1 })).toEqual([2, 2, NO_BASE]);
  });

  it('leaves alone what nothing helps', () => {
    expect(arrangeBases({ alone: [0.5, 0.5], edges: [[{ base: 1, cost: 0.7 }], []], depth: 2 })).toEqual([
      NO_BASE,
      NO_BASE,
    ]);
    expect(arrangeBases({ alone: [], edges: [], depth: 2 })).toEqual([]);
  });

  it('makes no circle and never takes more than without bases, whatever the costs are', () => {
    const problems = fc.integer({ min: 1, max: 9 }).chain((count) =>
      fc.record({
        alone: fc.array(fc.double({ min: 0.1, max: 1, noNaN: true }), { minLength: count, maxLength: count }),
        depth: fc.integer({ min: 1, max: 4 }),
        edges: fc.array(
          fc.uniqueArray(fc.record({ base: fc.nat(count - 1), cost: fc.double({ min: 0, max: 1, noNaN: true }) }), {
            selector: ({ base }) => base,
            maxLength: count,
          }),
          { minLength: count, maxLength: count },
        ),
      }),
    );
    fc.assert(
      fc.property(problems, ({ alone, edges: all, depth }) => {
        const edges = all.map((list, node) => list.filter(({ base }) => base !== node));
        const bases = arrangeBases({ alone, edges, depth });
        for (const node of bases.keys()) expect(depthOf(bases, node)).toBeLessThanOrEqual(depth);
        const whole = alone.reduce((sum, cost) => sum + cost, 0);
        expect(costOf({ alone, edges, depth }, bases)).toBeLessThanOrEqual(whole + 1e-9);
        expect(arrangeBases({ alone, edges, depth })).toEqual(bases);
      }),
      { numRuns: 200 },
    );
  });
});
