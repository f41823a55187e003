import { describe, expect, it } from 'vitest';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { type ForkKind, SCENES, trainPlan } from '../bench/zoo.ts';
import { archiveOf, toEntry } from './pile.ts';

/** Every second checkpoint of a run and of a branch that leaves it at some epoch. */
async function trainThinned(name: string, fork: ForkKind, epoch: number, seed: number) {
  const scene = SCENES.find((candidate) => candidate.name === name);
  if (scene === undefined) throw new Error(`There is no zoo ${name}.`);
  const trunk = await trainPlan({ scene, seed, epochs: 16 });
  const branch = await trainPlan({ scene, seed: seed + 500, epochs: 6, start: trunk[epoch] ?? new Map(), fork });
  const keep = async (run: string, checkpoints: typeof trunk) => {
    const kept = [...checkpoints.entries()].filter(([at]) => at % 2 === 0);
    return Promise.all(kept.map(([at, weights]) => toEntry(`${run}/${String(at).padStart(2, '0')}`, weights)));
  };
  return { trunk: await keep('trunk', trunk), branch: await keep('branch', branch) };
}

describe('every second checkpoint of a run and of a branch', () => {
  it.each([
    ['tanh, Adam', 'labels', 5, 100_002],
    ['ReLU, momentum', 'subset', 11, 100_000],
  ] as const)('%s, other %s from epoch %i: two trajectories, in order', async (name, fork, epoch, seed) => {
    const { trunk, branch } = await trainThinned(name, fork, epoch, seed);
    const entries = [...trunk, ...branch];
    const { trajectories } = await recoverForest(entries, archiveOf(entries));
    const nameOf = new Map(entries.map(({ id, source }) => [id, source]));
    const found = trajectories.map(({ members }) => members.map(({ id }) => nameOf.get(id)));
    expect(found.sort((a, b) => b.length - a.length)).toEqual(
      [trunk, branch].map((run) => run.map(({ source }) => source)),
    );
    expect(trajectories.map(({ direction }) => direction)).toEqual(['inferred', 'inferred']);
  });
});
