import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MemoryEntry } from '../../src/lineage/memory-archive.ts';
import type { Forest } from '../../src/lineage/model.ts';
import { orderTrajectory } from '../../src/lineage/order-trajectory.ts';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { summarize } from '../../src/sketch/summarize.ts';
import { decodeToFloat32 } from '../../src/tensors/decode.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';
import { openWeights } from './memory-checkpoint.ts';
import { archiveOf, divert, gaussian, idOf, matrix, moveOn, startMotion, toEntry } from './pile.ts';

const nameOf = (entries: readonly MemoryEntry[]) => {
  const names = new Map<string, string>(entries.map(({ id, source }) => [id, source]));
  return (id: string) => names.get(id) ?? '?';
};

/** The trajectories by the names of their checkpoints, sorted, whatever the ids are. */
function readable(forest: Forest, entries: readonly MemoryEntry[]) {
  const name = nameOf(entries);
  return forest.trajectories
    .map(({ members, forkedFrom }) => ({
      members: members.map(({ id }) => name(id)),
      from: forkedFrom === undefined ? null : name(forkedFrom.id),
    }))
    .sort((a, b) => (a.members[0] ?? '').localeCompare(b.members[0] ?? ''));
}

const names = (run: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${run}/${String(i).padStart(2, '0')}`);

/** Two runs, and a fork from the sixth checkpoint of the first. */
async function makeRuns(): Promise<readonly MemoryEntry[]> {
  const entries: MemoryEntry[] = [];
  for (const [run, seed] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    const states = moveOn(startMotion(seed), 14, seed + 10);
    for (const [i, { at }] of states.entries()) entries.push(await toEntry(names(run, 14)[i] ?? '', matrix(at)));
    const parent = states[5];
    if (run !== 'a' || parent === undefined) continue;
    const fork = moveOn(divert(parent, 5), 8, 6);
    for (const [i, { at }] of fork.entries()) entries.push(await toEntry(names('f', 8)[i] ?? '', matrix(at)));
  }
  return entries;
}

const EXPECTED = [
  { members: names('a', 14), from: null },
  { members: names('b', 14), from: null },
  { members: names('f', 8), from: 'a/05' },
];

describe('recoverForest', () => {
  let runs: readonly MemoryEntry[];
  beforeAll(async () => {
    runs = await makeRuns();
  });

  it('finds runs, their order, their direction and the fork', async () => {
    const forest = await recoverForest(runs, archiveOf(runs));
    expect(readable(forest, runs)).toEqual(EXPECTED);
    expect(forest.trajectories.map(({ direction, isOrdered }) => ({ direction, isOrdered }))).toEqual(
      Array.from({ length: 3 }, () => ({ direction: 'inferred', isOrdered: true })),
    );
  });

  it('gives every checkpoint but the roots one parent', async () => {
    const { edges } = await recoverForest(runs, archiveOf(runs));
    const name = nameOf(runs);
    const parents = new Map(edges.map(({ child, parent }) => [name(child), name(parent)]));
    expect(edges).toHaveLength(runs.length - 2);
    expect(parents.get('a/07')).toBe('a/06');
    expect(parents.get('f/00')).toBe('a/05');
    const relations = edges.map(({ child, relation }) => (relation === 'next' ? '' : `${name(child)} ${relation}`));
    expect(relations.filter(Boolean)).toEqual([expect.stringMatching(/^f\/00 (forked|fine-tuned)$/)]);
  });

  it('does not depend on the order of the members', async () => {
    const inOrder = await recoverForest(runs, archiveOf(runs));
    const shuffles = fc.shuffledSubarray([...runs], { minLength: runs.length });
    await fc.assert(
      fc.asyncProperty(shuffles, async (shuffled) => {
        expect(await recoverForest(shuffled, archiveOf(shuffled))).toEqual(inOrder);
      }),
      { numRuns: 8, seed: 1 },
    );
  });

  it('places every checkpoint exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray([...runs], { minLength: 1 }), async (some) => {
        const { trajectories } = await recoverForest(some, archiveOf(some));
        const placed = trajectories.flatMap(({ members }) => members.map(({ id }) => id)).sort();
        expect(placed).toEqual(some.map(({ id }) => id).sort());
      }),
      { numRuns: 20, seed: 2 },
    );
  });

  it('leaves strangers apart', async () => {
    const strangers: MemoryEntry[] = [];
    for (let i = 0; i < 12; i++) strangers.push(await toEntry(`s/${i}`, matrix(startMotion(100 + i).at)));
    const all = [...runs, ...strangers];
    const forest = await recoverForest(all, archiveOf(all));
    expect(readable(forest, all).filter(({ members }) => !members[0]?.startsWith('s/'))).toEqual(EXPECTED);
    expect(forest.trajectories).toHaveLength(3 + strangers.length);
  });

  it('folds identical copies and exact casts into the position of their original', async () => {
    const original = runs[3];
    if (original === undefined) throw new Error('the run has a fourth checkpoint');
    const same = await toEntry('copy', original.weights);
    const half = [...original.weights].map(([name, { shape, data }]) => {
      return [name, { shape, data: decodeToFloat32('bf16', encodeFromFloat32('bf16', data)) }] as const;
    });
    const summary = await summarize(openWeights(new Map(half)));
    const tensors = summary.tensors.map((tensor) => ({ ...tensor, dtype: 'bf16' as const }));
    const cast: MemoryEntry = {
      ...same,
      id: idOf('cast'),
      source: 'cast',
      weights: new Map(half),
      summary: { ...summary, tensors },
    };
    const all = [...runs, same, cast];
    const forest = await recoverForest(all, archiveOf(all));
    const trajectory = forest.trajectories.find(({ members }) => members.some(({ id }) => id === original.id));
    const positions = new Map(trajectory?.members.map(({ id, position }) => [id, position]));
    expect([original, same, cast].map(({ id }) => positions.get(id))).toEqual([3, 3, 3]);
    const copies = forest.edges.filter(({ relation }) => relation !== 'next' && !/forked|fine/.test(relation));
    expect(copies.map(({ relation }) => relation).sort()).toEqual(['cast', 'identical']);
  });

  it('says that a cloud has no order', async () => {
    const { at: centre } = startMotion(7);
    const cloud: MemoryEntry[] = [];
    for (let i = 0; i < 10; i++) {
      const draw = gaussian(200 + i);
      cloud.push(await toEntry(`c/${i}`, matrix(centre.map((x) => x + 0.2 * draw()))));
    }
    const { trajectories } = await recoverForest(cloud, archiveOf(cloud));
    const long = trajectories.filter(({ members }) => members.length >= 4);
    expect(long.length).toBeGreaterThan(0);
    expect(long.map(({ isOrdered }) => isOrdered)).toEqual(long.map(() => false));
  });

  it('gives two checkpoints no direction, and no parents, unless the files declare one', async () => {
    const [first, second] = moveOn(startMotion(8), 2, 9);
    if (first === undefined || second === undefined) throw new Error('two states');
    const bare = [await toEntry('x', matrix(second.at)), await toEntry('y', matrix(first.at))];
    const silent = await recoverForest(bare, archiveOf(bare));
    expect(silent.trajectories.map(({ direction }) => direction)).toEqual(['unknown']);
    expect(silent.edges).toEqual([]);
    const told = [
      await toEntry('x', matrix(second.at), { step: 200 }),
      await toEntry('y', matrix(first.at), { step: 100 }),
    ];
    const forest = await recoverForest(told, archiveOf(told));
    expect(readable(forest, told)).toEqual([{ members: ['y', 'x'], from: null }]);
    expect(forest.trajectories[0]?.direction).toBe('declared');
  });

  it('never believes the files against the weights', async () => {
    const states = moveOn(startMotion(1), 14, 11);
    const lying = await Promise.all(
      states.map(({ at }, i) => toEntry(names('a', 14)[i] ?? '', matrix(at), { epoch: 100 - i })),
    );
    const forest = await recoverForest(lying, archiveOf(lying));
    expect(readable(forest, lying)).toEqual([EXPECTED[0]]);
  });

  it('makes a checkpoint without weights a trajectory of its own, and folds the same files', async () => {
    const empty = [await toEntry('none/1', new Map()), await toEntry('none/2', new Map())];
    const constant = await toEntry('flat', matrix(new Float32Array(24 * 24).fill(1)));
    const all = [...runs, ...empty, constant];
    const forest = await recoverForest(all, archiveOf(all));
    const rest = readable(forest, all).filter(({ members }) => !EXPECTED.some((run) => run.members[0] === members[0]));
    expect(rest.map(({ members }) => members.toSorted())).toEqual([['flat'], ['none/1', 'none/2']]);
  });

  it('keeps spaces apart', async () => {
    const wide = await toEntry('wide', matrix(new Float32Array(24 * 30).map(gaussian(3))));
    const forest = await recoverForest([...runs, wide], archiveOf([...runs, wide]));
    expect(forest.trajectories).toHaveLength(4);
  });
});

describe('orderTrajectory', () => {
  it('orders a run from its first checkpoint to its last', async () => {
    const states = moveOn(startMotion(1), 14, 11);
    const run = await Promise.all(states.map(({ at }, i) => toEntry(names('a', 14)[i] ?? '', matrix(at))));
    const { ids, isOrdered, direction } = orderTrajectory(run.toReversed());
    expect(ids).toEqual(run.map(({ id }) => id));
    expect({ isOrdered, direction }).toEqual({ isOrdered: true, direction: 'inferred' });
  });
});
