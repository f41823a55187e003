import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { collectBytes } from '../../src/bytes/collect.ts';
import { writeSafetensors } from '../../src/formats/safetensors/write.ts';
import { addFiles } from '../../src/repo/add-files.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { importFiles } from '../../src/repo/import-files.ts';
import { readLineageGraph } from '../../src/repo/lineage-graph.ts';
import type { TrajectoryLogResult } from '../../src/repo/lineage-results.ts';
import { logTrajectories } from '../../src/repo/log-trajectory.ts';
import type { Repository } from '../../src/repo/repository.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { toWritable } from '../bench/write-net.ts';
import { SCENES, trainPlan } from '../bench/zoo.ts';
import * as alter from '../lineage/alter.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createRandom, shuffled } from '../zoo/random.ts';
import { createIn, finish, openIn } from './workspace.ts';

const temporary = temporaryFolders();

/** How each derivative must be described: its relation, and what it was made from. */
const DERIVED: readonly (readonly [name: string, relation: string, from: readonly string[]])[] = [
  ['pruned', 'pruned', ['a3']],
  ['int8', 'quantized', ['a6']],
  ['int4', 'quantized', ['a2']],
  ['noisy', 'perturbed', ['a5']],
  ['mean', 'averaged', ['a4', 'a5', 'a6']],
  ['adapter', 'low-rank', ['a4']],
];

function derive(states: ReadonlyMap<string, Weights>): ReadonlyMap<string, Weights> {
  const of = (name: string) => states.get(name) ?? new Map();
  return new Map([
    ['pruned', alter.prune(of('a3'), 0.8)],
    ['int8', alter.quantize(of('a6'), 127, alter.perTensor)],
    ['int4', alter.quantize(of('a2'), 7, alter.perChannel)],
    ['noisy', alter.addNoise(of('a5'), 0.05, 9)],
    ['mean', alter.average([of('a4'), of('a5'), of('a6')], [0.25, 0.25, 0.5])],
    ['adapter', alter.addLowRank(of('a4'), 2, 0.1, 5)],
    ['int8 of pruned', alter.quantize(alter.prune(of('a3'), 0.8), 127, alter.perChannel)],
  ]);
}

/** A run, two checkpoints of another, and copies of the first's checkpoints that were altered in many ways. */
async function trainFolder(): Promise<ReadonlyMap<string, Weights>> {
  const scene = SCENES.find(({ name }) => name === 'tanh, Adam');
  if (scene === undefined) throw new Error('There is a zoo of that name.');
  const run = await trainPlan({ scene, seed: 611, epochs: 7 });
  const other = await trainPlan({ scene, seed: 612, epochs: 2 });
  const states = new Map([
    ...run.map((weights, i) => [`a${i}`, weights] as const),
    ...other.map((weights, i) => [`b${i}`, weights] as const),
  ]);
  return new Map([...states, ...derive(states)]);
}

async function writeWeights(folder: string, name: string, weights: Weights): Promise<void> {
  const [file] = writeSafetensors.write(toWritable(weights, 'f32'), { fileName: name });
  if (file === undefined) throw new Error('A writer writes a file.');
  await writeFile(path.join(folder, `${name}.safetensors`), await collectBytes(file.bytes()));
}

async function importAll(states: ReadonlyMap<string, Weights>): Promise<Repository> {
  const folder = await temporary();
  const repository = await createIn(folder);
  for (const [name, weights] of states) await writeWeights(folder, name, weights);
  await finish(importFiles(repository, ['.']));
  return openIn(folder);
}

async function addOneByOne(states: ReadonlyMap<string, Weights>, order: readonly string[]): Promise<Repository> {
  const folder = await temporary();
  await createIn(folder);
  for (const name of order) {
    await writeWeights(folder, name, states.get(name) ?? new Map());
    await finish(addFiles(await openIn(folder), [`${name}.safetensors`]));
    await finish(commitStaged(await openIn(folder)));
  }
  return openIn(folder);
}

const nameOf = (source: string) => path.basename(source, '.safetensors');

/** Which checkpoints lie where; copies at one place in the order of their names. */
function placesIn({ trajectories }: TrajectoryLogResult) {
  const runs = trajectories.map(({ checkpoints }) =>
    checkpoints.map(({ source, position }) => `${position.toFixed(3)} ${nameOf(source)}`).sort(),
  );
  return runs.sort((a, b) => (a.join() < b.join() ? -1 : 1));
}

/** The edges of what was made without training, as sentences. */
async function derivationsIn(repository: Repository): Promise<readonly string[]> {
  const { nodes, edges } = await readLineageGraph(repository);
  const names = new Map(nodes.map(({ commit, source }) => [commit, nameOf(source)]));
  const sentences = edges.map(
    ({ child, parent, relation, weight }) =>
      `${names.get(child)} ${relation} ${names.get(parent)} ${weight.toFixed(3)}`,
  );
  return sentences.sort();
}

describe('a folder of a run and of altered copies of its checkpoints', { timeout: 120_000 }, () => {
  let states: ReadonlyMap<string, Weights>;
  let imported: Repository;
  beforeAll(async () => {
    states = await trainFolder();
    imported = await importAll(states);
  }, 120_000);

  it('is one run of its steps, with each copy beside what it was made from', async () => {
    const { nodes, edges } = await readLineageGraph(imported);
    const named = new Map(nodes.map(({ commit, source }) => [commit, nameOf(source)]));
    for (const [name, relation, from] of DERIVED) {
      const own = edges.filter(({ child }) => named.get(child) === name);
      expect(own.map(({ parent }) => named.get(parent)).sort(), name).toEqual(from);
      expect(new Set(own.map((edge) => edge.relation)), name).toEqual(new Set([relation]));
    }
    const steps = edges.filter(({ relation }) => relation === 'next');
    const ofRun = steps.map(({ child, parent }) => `${named.get(parent)} ${named.get(child)}`);
    expect(ofRun.filter((step) => step.startsWith('a')).sort()).toEqual(
      [...'0123456'].map((i) => `a${i} a${Number(i) + 1}`),
    );
  });

  it('shows no length of a step for what is none', async () => {
    const { trajectories } = await logTrajectories(imported);
    const shown = trajectories.flatMap(({ checkpoints }) => checkpoints);
    for (const [name] of DERIVED) {
      const checkpoint = shown.find(({ source }) => nameOf(source) === name);
      expect(checkpoint, name).toMatchObject({ stepLength: null, turn: null });
    }
  });

  it.each([1, 2, 3])('ends the same when its files come one by one (order %i)', async (seed) => {
    const names = [...states.keys()];
    const order = [...shuffled(names.length, createRandom(seed))].map((index) => names[index] ?? '');
    const added = await addOneByOne(states, order);
    expect(placesIn(await logTrajectories(added))).toEqual(placesIn(await logTrajectories(imported)));
    expect(await derivationsIn(added)).toEqual(await derivationsIn(imported));
  });
});
