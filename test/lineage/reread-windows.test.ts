import { describe, expect, it } from 'vitest';
import { createDistances } from '../../src/lineage/distances.ts';
import { keepsEnds, windowAt } from '../../src/lineage/fork-window.ts';
import { indexChains } from '../../src/lineage/hang-chains.ts';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { archiveOf } from './pile.ts';
import { trainFamily } from './thinned.ts';

describe.each([
  [4, 500_005],
  [8, 100_005],
] as const)('a branch at a lower rate from epoch %i of a run with warm restarts (seed %i)', (epoch, seed) => {
  it('leaves the run whole', async () => {
    const { trunk, branch } = await trainFamily({ zoo: 'ReLU, restarts', fork: 'rate', epoch, seed, keeps: 'all' });
    const entries = [...trunk, ...branch];
    const { trajectories } = await recoverForest(entries, archiveOf(entries));
    const found = trajectories.map(({ members }) => members.map(({ id }) => id));
    expect(found).toHaveLength(2);
    for (const run of [trunk, branch]) expect(found).toContainEqual(run.map(({ id }) => id));
  });
});

describe('a window', () => {
  // A trunk of 40 on a line, and a branch of ten that leaves it after the twentieth.
  const points = [
    ...Array.from({ length: 40 }, (_, i) => Float32Array.of(i, 0)),
    ...Array.from({ length: 10 }, (_, i) => Float32Array.of(20, i + 1)),
  ];
  const distances = createDistances(points);
  const chains = [Array.from({ length: 40 }, (_, i) => i), Array.from({ length: 10 }, (_, i) => 40 + i)];
  const hung = { chains, parents: new Map([[1, 20]]), chainOf: indexChains(chains, 50) };

  it('holds both arms round the fork, and knows what goes on outside', () => {
    const window = windowAt(40, hung, distances);
    const [trunk, branch] = window?.arms ?? [];
    expect([...(trunk?.nodes ?? []), ...(branch?.nodes ?? [])]).toHaveLength(12);
    expect(trunk?.nodes).toEqual(expect.arrayContaining([19, 20, 21]));
    expect(branch).toMatchObject({ parent: 20 });
    const last = [trunk, branch].map((arm) => arm?.nodes.at(-1) ?? -1);
    expect([...(window?.after.keys() ?? [])].sort()).toEqual([...last].sort());
    expect([...(window?.before ?? []), ...(trunk?.nodes ?? []), ...(window?.after.get(last[0] ?? -1) ?? [])]).toEqual(
      chains[0],
    );
  });

  it('admits readings in which all that goes on outside can do so', () => {
    const window = windowAt(40, hung, distances);
    const [trunk, branch] = window?.arms ?? [];
    if (window === undefined || trunk === undefined || branch === undefined) throw new Error('There is no window.');
    const until = trunk.nodes.indexOf(20) + 1;
    const exchanged = [
      { ...trunk, nodes: [...trunk.nodes.slice(0, until), ...branch.nodes] },
      { ...branch, nodes: trunk.nodes.slice(until) },
    ];
    expect(keepsEnds(exchanged, window)).toBe(true);
    expect(keepsEnds([{ ...trunk, nodes: [...trunk.nodes, ...branch.nodes] }], window)).toBe(false);
  });
});
