import { describe, expect, it } from 'vitest';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { archiveOf } from './pile.ts';
import { idOf, membersOf, trainRun } from './small-zoo.ts';

const EPOCHS = 16;

function meanOf(a: Weights | undefined, b: Weights | undefined, share = 0.5): Weights {
  return new Map(
    [...(a ?? [])].map(([name, { shape, data }]) => {
      const other = b?.get(name)?.data ?? data;
      return [name, { shape, data: data.map((x, i) => share * x + (1 - share) * (other[i] ?? 0)) }];
    }),
  );
}

describe('the mean of two unrelated runs', () => {
  it.each([
    [1, 2],
    [5, 6],
  ])('does not weld them together (seeds %i and %i)', async (first, second) => {
    const [a, b] = [first, second].map((seed) => trainRun({ seed, epochs: EPOCHS }));
    const mean = meanOf(a?.[14], b?.[14]);
    const pile = [...(await membersOf(1, a ?? [])), ...(await membersOf(2, b ?? [])), ...(await membersOf(3, [mean]))];
    const { trajectories, edges } = await recoverForest(pile, archiveOf(pile));
    const runs = trajectories.filter(({ members }) => members.length > 2);
    const ids = (run: number, count: number) => Array.from({ length: count }, (_, i) => idOf(run, i));
    const steps = runs.map(({ members }) => members.map(({ id }) => id).filter((id) => id !== idOf(3, 0)));
    for (const [run, checkpoints] of [a, b].entries())
      expect(steps).toContainEqual(ids(run + 1, checkpoints?.length ?? 0));
    expect(runs.every(({ forkedFrom }) => forkedFrom === undefined)).toBe(true);
    const parents = edges.filter(({ child }) => child === idOf(3, 0)).map(({ parent, weight }) => [parent, weight]);
    expect(new Set(parents.map(([id]) => id))).toEqual(new Set([idOf(1, 14), idOf(2, 14)]));
  });

  it.each([0.5, 0.7])('is found where the sixteen most alike are all of one (share %f)', async (share) => {
    const [a, b] = [105, 115].map((seed) => trainRun({ seed, epochs: 20 }));
    const mean = meanOf(a?.[17], b?.[17], share);
    const pile = [...(await membersOf(1, a ?? [])), ...(await membersOf(2, b ?? [])), ...(await membersOf(3, [mean]))];
    const { edges } = await recoverForest(pile, archiveOf(pile));
    const parents = edges.filter(({ child }) => child === idOf(3, 0));
    expect(parents.map(({ relation }) => relation)).toEqual(['merged', 'merged']);
    expect(parents.map(({ parent }) => parent).sort()).toEqual([idOf(1, 17), idOf(2, 17)].sort());
    const [from] = parents.filter(({ parent }) => parent === idOf(1, 17));
    expect(from?.weight).toBeCloseTo(share, 3);
  });
});
