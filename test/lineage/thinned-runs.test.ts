import { describe, expect, it } from 'vitest';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { SCENES, trainPlan } from '../bench/zoo.ts';
import { archiveOf, toEntry } from './pile.ts';
import { trainFamily } from './thinned.ts';

describe.each([
  ['tanh, Adam', 'labels', 5, 100_002, 'second'],
  ['ReLU, momentum', 'subset', 11, 100_000, 'second'],
  ['ReLU, AdamW', 'domain', 4, 100_003, 'second'],
  ['tanh, Adam', 'labels', 5, 100_002, 'four'],
  ['tanh, Adam', 'subset', 8, 100_004, 'four'],
] as const)('%s, other %s from epoch %i (seed %i), %s kept', (zoo, fork, epoch, seed, keeps) => {
  it('is two trajectories, in order', async () => {
    const { trunk, branch } = await trainFamily({ zoo, fork, epoch, seed, keeps });
    const entries = [...trunk, ...branch];
    const { trajectories } = await recoverForest(entries, archiveOf(entries));
    const nameOf = new Map(entries.map(({ id, source }) => [id, source]));
    const found = trajectories.map(({ members }) => members.map(({ id }) => nameOf.get(id)));
    const sizeFirst = (a: readonly unknown[], b: readonly unknown[]) =>
      b.length - a.length || String(b).localeCompare(String(a));
    expect(found.sort(sizeFirst)).toEqual(
      [trunk, branch].map((run) => run.map(({ source }) => source)).sort(sizeFirst),
    );
    expect(trajectories.map(({ direction }) => direction)).toEqual(['inferred', 'inferred']);
  });
});

describe('sixteen checkpoints of one run', () => {
  it.each([100_003, 500_000])('are one trajectory where the noise is large (seed %i)', async (seed) => {
    const scene = SCENES.find(({ name }) => name === 'ReLU, momentum');
    if (scene === undefined) throw new Error('There is no such zoo.');
    const run = await trainPlan({ scene, seed, epochs: 15 });
    const entries = await Promise.all(run.map((weights, at) => toEntry(`run/${String(at).padStart(2, '0')}`, weights)));
    const { trajectories } = await recoverForest(entries, archiveOf(entries));
    expect(trajectories.map(({ members }) => members.length)).toEqual([16]);
  });
});
