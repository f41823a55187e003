import { type Bench, type BenchOptions, DEVELOP_SEED } from './bench.ts';
import { benchForest, type Trained } from './lineage-forest.ts';
import { benchIdentify } from './lineage-identify-zoo.ts';
import { benchKinship } from './lineage-kinship.ts';
import { benchMonitor } from './lineage-monitor.ts';
import { benchPiles } from './lineage-piles.ts';
import { benchPosition } from './lineage-position.ts';
import { benchStrangers } from './lineage-strangers.ts';
import { toMembers } from './members.ts';
import { type Stated, tabulateReliability } from './reliability.ts';
import type { BenchTable } from './table.ts';
import { SCENES, trainZoo, type ZooSize } from './zoo.ts';

interface Size extends ZooSize {
  /** Checkpoints that are altered in every way, a zoo. */
  readonly altered: number;
  readonly heldOut: number;
  readonly strangers: number;
}

const SMALL: Size = { trunks: 6, epochs: 16, forks: 8, forkEpochs: 6, altered: 2, heldOut: 6, strangers: 12 };
const LARGE: Size = { trunks: 12, epochs: 25, forks: 24, forkEpochs: 8, altered: 16, heldOut: 60, strangers: 200 };
/** Zoos whose checkpoints are altered and asked about, one an architecture. */
const ASKED = ['tanh, Adam', 'ReLU, AdamW', 'CNN, Adam', 'transformer, AdamW'];

async function trainAll(size: Size, { seed, report, only = '' }: BenchOptions): Promise<readonly Trained[]> {
  const zoos: Trained[] = [];
  for (const scene of SCENES.filter(({ name }) => name.includes(only))) {
    report(`training: ${scene.name}`);
    const zoo = await trainZoo(scene, size, seed);
    zoos.push({ zoo, members: await toMembers(zoo) });
  }
  return zoos;
}

async function* benchLineage(options: BenchOptions): AsyncIterable<BenchTable> {
  const { seed, large, report } = options;
  const size = large ? LARGE : SMALL;
  const zoos = await trainAll(size, options);
  const asked = zoos.filter(({ zoo }) => ASKED.includes(zoo.scene.name));
  report('recovering forests');
  const stated: Stated[] = [];
  yield await benchForest(zoos, seed, stated);
  report('recovering piles with gaps');
  yield await benchPiles(zoos, seed);
  report('monitoring');
  yield* await benchMonitor(zoos, seed);
  report('telling kin from strangers');
  yield benchKinship(zoos);
  report('placing held-out checkpoints');
  yield await benchPosition(zoos, size.heldOut, stated);
  for (const trained of asked) {
    report(`identifying: ${trained.zoo.scene.name}`);
    yield await benchIdentify(trained, size.altered, seed, stated);
  }
  yield tabulateReliability(stated);
  report('asking about strangers');
  yield await benchStrangers(asked, size.strangers, seed);
}

/** Says on what everything was measured. */
function describeSize({ trunks, epochs, forks, forkEpochs }: Size, seed: number): string {
  const kind = seed === DEVELOP_SEED ? 'the one that is developed on' : 'to be scored once';
  const runs = `${trunks} runs of ${epochs + 1} checkpoints and ${forks} forks of ${forkEpochs} a zoo`;
  return `${runs}; MNIST digits of 14 × 14; MLP 196-24-16-10, CNN of 5,838 weights, transformer of 11,386; seed ${seed} (${kind}).`;
}

async function* withSize(options: BenchOptions): AsyncIterable<BenchTable> {
  const about = describeSize(options.large ? LARGE : SMALL, options.seed);
  for await (const table of benchLineage(options)) yield { ...table, notes: [about, ...(table.notes ?? [])] };
}

export const lineage: Bench = {
  name: 'lineage',
  about: 'trajectories, order, direction, forks, positions, altered checkpoints and strangers, on zoos trained here',
  run: withSize,
};
