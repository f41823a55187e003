import { describe, expect, it } from 'vitest';
import type { LineageEdge } from '../../src/lineage/model.ts';
import { type ManifestId, parseManifestId } from '../../src/objects/ids.ts';
import { decideKept, describePolicy, type Holds, type PrunePolicy } from '../../src/repo/prune-policy.ts';
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

  it('keeps all of what has no order, and either end where the direction is unknown', () => {
    expect(keptOf([run('a', 0, 6, { isOrdered: false })], { keepLast: 1 })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(keptOf([run('a', 0, 8, { direction: 'unknown' })], { keepLast: 2 })).toEqual([0, 1, 6, 7]);
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
