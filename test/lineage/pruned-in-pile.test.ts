import { expect, it } from 'vitest';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { SCENES, trainPlan } from '../bench/zoo.ts';
import { prune } from './alter.ts';
import { archiveOf, toEntry } from './pile.ts';

const PRUNED = [3, 7, 10];

it('takes a pruned checkpoint whose original is gone for one made after the checkpoint before it, whichever is nearer', async () => {
  const scene = SCENES.find(({ name }) => name === 'ReLU, AdamW');
  if (scene === undefined) throw new Error('There is no such zoo.');
  const run = await trainPlan({ scene, seed: 611, epochs: 12 });
  const files = run.map((weights, i) => (PRUNED.includes(i) ? prune(weights, 0.5) : weights));
  const pile = await Promise.all(files.map((weights, i) => toEntry(`run/${i}`, weights)));
  const { edges, trajectories } = await recoverForest(pile, archiveOf(pile));
  const nameOf = new Map(pile.map(({ id, source }) => [id, source]));
  expect(trajectories).toHaveLength(1);
  expect(trajectories[0]?.members.map(({ id }) => nameOf.get(id))).toEqual(files.map((_, i) => `run/${i}`));
  const parents = edges.filter(({ relation }) => relation.includes('pruned'));
  expect(new Map(parents.map(({ child, parent }) => [nameOf.get(child), nameOf.get(parent)]))).toEqual(
    new Map(PRUNED.map((i) => [`run/${i}`, `run/${i - 1}`])),
  );
});
