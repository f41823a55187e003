import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawDendrogram } from '../../../src/charts/svg/dendrogram.ts';
import { drawSteps } from '../../../src/charts/svg/step-chart.ts';
import { drawWeightMap } from '../../../src/charts/svg/weight-map.ts';
import { memoryArchive } from '../../../src/lineage/memory-archive.ts';
import type { Forest } from '../../../src/lineage/model.ts';
import { recoverForest } from '../../../src/lineage/recover-forest.ts';
import { createRandom, shuffled } from '../../zoo/random.ts';
import type { Bench, BenchOptions } from '../bench.ts';
import { adjustedRand, scoreForest } from '../forest-score.ts';
import { type TrueMember, toMembers } from '../members.ts';
import { flatten } from '../standard-methods.ts';
import { type BenchTable, formatShare } from '../table.ts';
import { SCENES, type Scene, trainZoo, type Zoo } from '../zoo.ts';
import { cluster, cutInto, distancesBetween, type Linkage } from './linkage.ts';
import { principalComponents } from './reduce.ts';
import {
  orderByChain,
  orderByJoining,
  type Run,
  scoreOrders,
  separationOf,
  shrinkingShare,
  stepLengths,
  turnCosines,
} from './trajectories.ts';

/** The paper's zoos: one architecture, one task, only the seed varies; then the optimizer that its assumption fails on. */
const ZOOS = ['CNN, Adam', 'ReLU, AdamW', 'tanh, Adam', 'tanh, SGD'];
/** Dimensions that checkpoints are reduced to; undefined for the raw weights. */
const DIMENSIONS = [undefined, 50, 10, 3, 2];

interface Subject {
  readonly zoo: Zoo;
  readonly members: readonly TrueMember[];
  readonly runs: readonly Run[];
  /** wsvc's own answer, from the same checkpoints in an order that says nothing. */
  readonly forest: Forest;
}

async function prepare(scene: Scene, { seed, large, report }: BenchOptions): Promise<Subject> {
  report(`training: ${scene.name}`);
  const size = { trunks: large ? 20 : 8, epochs: large ? 25 : 16, forks: 0, forkEpochs: 0 };
  const zoo = await trainZoo(scene, size, seed);
  const members = await toMembers(zoo);
  const entries = Array.from(shuffled(members.length, createRandom(seed))).flatMap((i) => members[i]?.entry ?? []);
  const forest = await recoverForest(entries, memoryArchive(entries));
  return { zoo, members, runs: zoo.runs.map(({ checkpoints }) => checkpoints.map(flatten)), forest };
}

function reduce(runs: readonly Run[], dimensions: number | undefined): readonly Run[] {
  if (dimensions === undefined) return runs;
  const points = principalComponents(runs.flat(), dimensions);
  const starts = runs.map((_, i) => runs.slice(0, i).flat().length);
  return runs.map((run, i) => points.slice(starts[i], (starts[i] ?? 0) + run.length));
}

const labelsOf = (runs: readonly Run[]): readonly number[] => runs.flatMap((run, i) => run.map(() => i));

function linkageScore(runs: readonly Run[], linkage: Linkage): string {
  const joins = cluster(distancesBetween(runs.flat()), linkage);
  return adjustedRand(cutInto(joins, runs.length), labelsOf(runs)).toFixed(3);
}

function clusterRow({ zoo }: Subject, runs: readonly Run[], dimensions: number | undefined): readonly string[] {
  const [joining, chain] = [scoreOrders(runs.map(orderByJoining)), scoreOrders(runs.map(orderByChain))];
  return [
    zoo.scene.name,
    dimensions === undefined ? 'raw' : String(dimensions),
    linkageScore(runs, 'single'),
    linkageScore(runs, 'average'),
    separationOf(runs).toFixed(2),
    joining.tau.toFixed(3),
    formatShare(joining.forwards * runs.length, runs.length),
    chain.tau.toFixed(3),
    formatShare(chain.exact * runs.length, runs.length),
  ];
}

function clusterTable(subjects: readonly Subject[]): BenchTable {
  return {
    title: 'Paper: clusters, separation and order, from raw weights and from principal components',
    columns: [
      'zoo',
      'dimensions',
      'ARI, single linkage',
      'ARI, average linkage',
      'least distance between runs / longest step',
      'order by joining: mean abs. tau',
      'direction right',
      'nearest-neighbour chain: mean abs. tau',
      'exact',
    ],
    rows: subjects.flatMap((subject) =>
      DIMENSIONS.map((dimensions) => clusterRow(subject, reduce(subject.runs, dimensions), dimensions)),
    ),
    notes: [
      'Both linkages are told the number of runs; the orders are found within true runs.',
      'Order by joining: the nearest two are the last, whoever joins next came before; right where steps shrink.',
    ],
  };
}

const mean = (values: readonly number[]): string => (values.reduce((sum, x) => sum + x, 0) / values.length).toFixed(3);

function shapeRow({ zoo, members, runs, forest }: Subject): readonly string[] {
  const { ari, found, runs: scores } = scoreForest(zoo, members, forest);
  const claimed = scores.filter(({ isDirectionClaimed }) => isDirectionClaimed);
  return [
    zoo.scene.name,
    mean(runs.flatMap(turnCosines)),
    formatShare(shrinkingShare(runs) * runs.length, runs.length),
    mean(runs.map((run) => (stepLengths(run).at(-1) ?? 0) / (stepLengths(run)[0] ?? 1))),
    `${found} / ${runs.length}`,
    ari.toFixed(3),
    formatShare(scores.filter(({ isExact }) => isExact).length, scores.length),
    `${claimed.filter(({ tau }) => tau > 0).length} / ${claimed.length} / ${scores.length}`,
  ];
}

function shapeTable(subjects: readonly Subject[]): BenchTable {
  return {
    title: 'Paper: smooth, with shrinking steps? And what wsvc says, told nothing',
    columns: [
      'zoo',
      'cosine of successive steps',
      'runs whose steps all shrink',
      'last step / first step',
      'wsvc: found / true',
      'ARI',
      'order exact',
      'direction right / claimed / all',
    ],
    rows: subjects.map(shapeRow),
  };
}

const fileName = (name: string, figure: string): string => `${name.toLowerCase().replace(/\W+/g, '-')}-${figure}.svg`;

function figuresOf({ zoo, runs }: Subject): readonly (readonly [string, string])[] {
  const { name } = zoo.scene;
  const names = runs.map((_, i) => `run ${i}`);
  const joins = cluster(distancesBetween(runs.flat()), 'single');
  const points = reduce(runs, 2);
  return [
    [fileName(name, 'dendrogram'), drawDendrogram(`${name}: single linkage of all checkpoints`, joins, labelsOf(runs))],
    [
      fileName(name, 'steps'),
      drawSteps(
        `${name}: lengths of the steps, run by run`,
        runs.map((run, i) => ({ name: names[i] ?? '', lengths: stepLengths(run) })),
      ),
    ],
    [
      fileName(name, 'map'),
      drawWeightMap(
        `${name}: first two principal components`,
        points.map((run, i) => ({ name: names[i] ?? '', points: run.map(([x = 0, y = 0]) => [x, y] as const) })),
      ),
    ],
  ];
}

function writeFigures(subjects: readonly Subject[], folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, svg] of subjects.flatMap(figuresOf)) writeFileSync(join(folder, name), svg);
}

async function* run(options: BenchOptions): AsyncIterable<BenchTable> {
  const subjects: Subject[] = [];
  for (const scene of SCENES.filter(({ name }) => ZOOS.includes(name))) subjects.push(await prepare(scene, options));
  const [first] = subjects;
  const about = `${first?.runs.length} runs of ${first?.runs[0]?.length} checkpoints a zoo, one an epoch; MNIST digits of 14 × 14; MLP 196-24-16-10, CNN of 5,838 weights; seed ${options.seed}.`;
  for (const table of [clusterTable(subjects), shapeTable(subjects)]) {
    yield { ...table, notes: [about, ...(table.notes ?? [])] };
  }
  if (options.figures === undefined) return;
  writeFigures(subjects, options.figures);
  options.report(`figures: ${options.figures}`);
}

export const paper: Bench = {
  name: 'paper',
  about: 'arXiv 2006.10424 repeated: clusters, separation and order of training trajectories; --figures DIR draws them',
  run,
};
