import { describe, expect, it } from 'vitest';
import type { LineageEdge } from '../../src/lineage/model.ts';
import { type ManifestId, parseCommitId, parseManifestId } from '../../src/objects/ids.ts';
import { decideKept, describePolicy, type Holds, type PrunePolicy } from '../../src/repo/prune-policy.ts';
import { settleOrder } from '../../src/repo/settle-order.ts';
import type { ViewTrajectory } from '../../src/repo/view-outline.ts';

const idOf = (n: number): ManifestId => parseManifestId(n.toString(16).padStart(64, '0'));

function run(name: string, start: number, length: number, facts: Partial<ViewTrajectory> = {}): ViewTrajectory {
  const entries = Array.from({ length }, (_, position) => ({ id: idOf(start + position), source: '', position }));
  return { name, isOrdered: true, orderConfidence: 1, direction: 'inferred', entries, ...facts };
}

const edge = (child: number, parent: number, relation: string): LineageEdge => {
  return { child: idOf(child), parent: idOf(parent), relation, confidence: 1, weight: 1 };
};

function keptOf(
  trajectories: readonly ViewTrajectory[],
  policy: PrunePolicy,
  edges: readonly LineageEdge[] = [],
  holds: Holds = new Map(),
): readonly number[] {
  const kept = decideKept(trajectories, edges, holds, policy);
  return [...kept.keys()].map((id) => Number.parseInt(id, 16)).sort((a, b) => a - b);
}

describe('decideKept', () => {
  it.each([
    ['the last', { keepLast: 3 }, [0, 9, 10, 11]],
    ['every so many', { keepEvery: 5 }, [0, 5, 10, 11]],
    ['both', { keepLast: 2, keepEvery: 4 }, [0, 4, 8, 10, 11]],
    ['more than there are', { keepLast: 99 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  ] as const)('keeps %s, the first and the last', (_case, policy, expected) => {
    expect(keptOf([run('a', 0, 12)], policy)).toEqual(expected);
  });

  const nothing = { last: new Set<ManifestId>(), byCommits: false, recorded: new Map() };
  it.each([
    ['order unknown', { isOrdered: false }],
    ['order not sure', { orderConfidence: 0.4 }],
    ['direction unknown', { direction: 'unknown' }],
  ] as const)('keeps all of a trajectory: %s', (doubt, facts) => {
    const settled = settleOrder(run('a', 0, 6, facts), nothing);
    expect(settled.doubt).toBe(doubt);
    expect(keptOf([settled], { keepLast: 1 })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(settleOrder(run('a', 0, 2, facts), nothing).doubt).toBeUndefined();
  });

  it('turns a trajectory round whose last checkpoint was named', () => {
    const unknown = run('a', 0, 8, { direction: 'unknown' });
    const ends = (last: number) => settleOrder(unknown, { ...nothing, last: new Set([idOf(last)]) });
    expect(keptOf([ends(7)], { keepLast: 2 })).toEqual([0, 6, 7]);
    expect(keptOf([ends(0)], { keepLast: 2 })).toEqual([0, 1, 7]);
    expect(ends(3).doubt).toBe('direction unknown');
  });

  it('takes the order of commits that follow one another, when told to', () => {
    const commitOf = (n: number) => parseCommitId(n.toString(16).padStart(40, '0'));
    const recorded = (parentOf: (n: number) => readonly number[]) =>
      new Map(
        Array.from({ length: 5 }, (_, n) => {
          const author = { name: '', email: '', timestamp: n, timezoneOffset: 0 };
          return [commitOf(n), { commit: commitOf(n), parents: parentOf(n).map(commitOf), message: '', author }];
        }),
      );
    const shuffled = run('a', 0, 5, { orderConfidence: 0.4 });
    const entries = [2, 0, 3, 1, 4].map((n, position) => ({ id: idOf(n), source: '', position, commit: commitOf(n) }));
    const line = { ...nothing, byCommits: true, recorded: recorded((n) => (n === 0 ? [] : [n - 1])) };
    expect(keptOf([settleOrder({ ...shuffled, entries }, line)], { keepLast: 2 })).toEqual([0, 3, 4]);
    const backwards = run('a', 0, 5).entries.map((entry, n) => ({ ...entry, commit: commitOf(4 - n) }));
    expect(settleOrder({ ...run('a', 0, 5), entries: backwards }, { ...line, byCommits: false }).doubt).toBe(
      'commits disagree',
    );
    const fork = { ...line, recorded: recorded((n) => (n === 0 ? [] : [0])) };
    expect(settleOrder({ ...shuffled, entries }, fork).doubt).toBe('order not sure');
  });

  it('keeps what a kept fork, copy or merge descends from, and theirs in turn, but not what only a pruned one comes from', () => {
    const forked = run('b', 20, 4, { forkedFrom: { id: idOf(7), confidence: 1 } });
    expect(keptOf([run('a', 0, 12), forked], { keepLast: 1 })).toEqual([0, 7, 11, 20, 23]);
    const edges = [edge(1, 0, 'next'), edge(20, 5, 'fine-tuned'), edge(5, 3, 'cast'), edge(21, 9, 'quantized')];
    expect(keptOf([run('a', 0, 12), run('b', 20, 4)], { keepLast: 1 }, edges)).toEqual([0, 3, 5, 11, 20, 23]);
  });

  it('keeps what is held, and copies of what the policy keeps', () => {
    expect(keptOf([run('a', 0, 12)], { keepLast: 1 }, [], new Map([[idOf(6), 'tag']]))).toEqual([0, 6, 11]);
    const copied = run('a', 0, 6);
    const entries = [
      ...copied.entries,
      { id: idOf(50), source: '', position: 4 },
      { id: idOf(51), source: '', position: 2 },
    ];
    expect(keptOf([{ ...copied, entries }], { keepEvery: 4 })).toEqual([0, 4, 5, 50]);
  });
});

describe('describePolicy', () => {
  it('says it in words', () => {
    const words = 'keep what is tagged, pinned, or descended from';
    expect(describePolicy({ keepLast: 5, keepEvery: 10 })).toBe(`keep the last 5, keep every 10th, ${words}`);
    expect(describePolicy({ keepEvery: 2 })).toBe(`keep every 2nd, ${words}`);
    expect(describePolicy({ keepEvery: 12 })).toBe(`keep every 12th, ${words}`);
    expect(describePolicy({ keepEvery: 23 })).toBe(`keep every 23rd, ${words}`);
  });
});
