import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectBytes } from '../../src/bytes/collect.ts';
import { writeSafetensors } from '../../src/formats/safetensors/write.ts';
import { addFiles } from '../../src/repo/add-files.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { importFiles } from '../../src/repo/import-files.ts';
import type { TrajectoryLogResult } from '../../src/repo/lineage-results.ts';
import { logTrajectories } from '../../src/repo/log-trajectory.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { toWritable } from '../bench/write-net.ts';
import { SCENES, trainPlan } from '../bench/zoo.ts';
import { type Net, trainRun, writeNet } from '../commands/models.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createRandom, shuffled } from '../zoo/random.ts';
import { createIn, finish, openIn } from './workspace.ts';

const temporary = temporaryFolders();

/** What must not depend on the order of arrival; names of trajectories and their direction where the weights give none may. */
function shapeOf({ trajectories }: TrajectoryLogResult) {
  const named = trajectories.map(({ checkpoints, forkedFrom, ordered, direction }) => {
    const sources = checkpoints.map(({ source }) => source);
    const turned = direction === 'unknown' && sources.join() > [...sources].reverse().join();
    const from = forkedFrom === null ? undefined : trajectories.find(({ name }) => name === forkedFrom.trajectory);
    const point = from?.checkpoints.find(({ position }) => position === forkedFrom?.position)?.source ?? null;
    return { sources: turned ? sources.reverse() : sources, ordered, direction, point };
  });
  return named.sort((a, b) => (a.sources.join() < b.sources.join() ? -1 : 1));
}

/** Two runs, and a fork of the first from its fourth state, trained on other data. */
function zoo(seed: number): ReadonlyMap<string, Net> {
  const first = trainRun(seed, 7);
  const states = new Map<string, Net>();
  const put = (run: string, nets: readonly Net[], from: number) => {
    for (const [index, net] of nets.entries()) if (index >= from) states.set(`${run}${index}.safetensors`, net);
  };
  put('a', first, 0);
  put('b', trainRun(seed + 1, 4), 0);
  put('c', trainRun(seed + 2, 4, first[4], 2000), 1);
  return states;
}

async function importAll(states: ReadonlyMap<string, Net>): Promise<TrajectoryLogResult> {
  const folder = await temporary();
  const repository = await createIn(folder);
  for (const [name, net] of states) await writeNet(folder, name, net);
  return finish(importFiles(repository, ['.']));
}

async function addOneByOne(states: ReadonlyMap<string, Net>, order: readonly string[]): Promise<TrajectoryLogResult> {
  const folder = await temporary();
  await createIn(folder);
  for (const name of order) {
    const net = states.get(name);
    if (net === undefined) throw new Error(name);
    await writeNet(folder, name, net);
    await finish(addFiles(await openIn(folder), [name]));
    await finish(commitStaged(await openIn(folder)));
  }
  return logTrajectories(await openIn(folder));
}

/** A run, and a fork of its fifth state at .3 of the rate: their checkpoints lie between each other's. */
async function wovenZoo(): Promise<ReadonlyMap<string, Weights>> {
  const scene = SCENES.find(({ name }) => name === 'tanh, SGD');
  if (scene === undefined) throw new Error('There is a zoo of that name.');
  const trunk = await trainPlan({ scene, seed: 841, epochs: 9 });
  const fork = await trainPlan({ scene, seed: 842, epochs: 4, start: trunk[5] ?? new Map(), fork: 'rate' });
  const named = (run: string, states: readonly Weights[]) =>
    states.map((weights, i) => [`${run}${i}.safetensors`, weights] as const);
  return new Map([...named('a', trunk), ...named('b', fork)]);
}

async function writeWeights(folder: string, name: string, weights: Weights): Promise<void> {
  const [file] = writeSafetensors.write(toWritable(weights, 'f32'), { fileName: name });
  if (file === undefined) throw new Error('A writer writes a file.');
  await writeFile(path.join(folder, name), await collectBytes(file.bytes()));
}

describe('trajectories', () => {
  it('do not depend on the order of arrival where runs are woven into each other', { timeout: 120_000 }, async () => {
    const states = await wovenZoo();
    const folder = await temporary();
    const repository = await createIn(folder);
    for (const [name, weights] of states) await writeWeights(folder, name, weights);
    const expected = shapeOf(await finish(importFiles(repository, ['.'])));
    const other = await temporary();
    await createIn(other);
    const names = [...states.keys()];
    for (const index of shuffled(names.length, createRandom(5))) {
      const name = names[index] ?? '';
      await writeWeights(other, name, states.get(name) ?? new Map());
      await finish(addFiles(await openIn(other), [name]));
      await finish(commitStaged(await openIn(other)));
    }
    expect(shapeOf(await logTrajectories(await openIn(other)))).toEqual(expected);
  });

  it.each([1, 2, 3])('do not depend on the order of arrival (order %i)', { timeout: 120_000 }, async (seed) => {
    const states = zoo(100 * seed);
    const names = [...states.keys()];
    const order = [...shuffled(names.length, createRandom(seed))].map((index) => names[index] ?? '');
    const expected = shapeOf(await importAll(states));
    expect(shapeOf(await addOneByOne(states, order))).toEqual(expected);
  });
});
