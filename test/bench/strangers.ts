import { judgeEitherAxis } from '../../src/lineage/judge-either-axis.ts';
import { judgeKinship } from '../../src/lineage/judge-kinship.ts';
import { inferAxisGraph } from '../../src/symmetry/infer-axes.ts';
import { compareKinship, prepareKinship } from '../../src/symmetry/kinship.ts';
import { logNormalTail } from '../../src/symmetry/tails.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import type { Bench, BenchOptions } from './bench.ts';
import type { BenchTable } from './table.ts';
import { SCENES, type Scene, trainPlan } from './zoo.ts';

/** Networks of each scene; every one is compared with every other: 11,460 pairs, and 49,700 with --large. */
const COUNTS: readonly { readonly scene: string; readonly small: number; readonly large: number }[] = [
  { scene: 'tanh, Adam', small: 100, large: 200 },
  { scene: 'ReLU, AdamW', small: 100, large: 200 },
  { scene: 'CNN, Adam', small: 40, large: 100 },
  { scene: 'transformer, AdamW', small: 40, large: 100 },
];
const MOST_EPOCHS = 6;

/** What the two tests said of all pairs of one scene. */
interface Verdicts {
  readonly z: number[];
  /** Of pairs that have no network in common: independent draws, as Kolmogorov's test wants them. */
  readonly disjoint: number[];
  known: number;
  knownWithoutGraph: number;
  smallestLogP: number;
}

async function trainStrangers(scene: Scene, count: number, seed: number): Promise<readonly Weights[]> {
  const networks: Weights[] = [];
  for (let i = 0; i < count; i++) {
    const plan = { scene, seed: 100_000 * seed + 20_000 + i, epochs: 1 + (i % MOST_EPOCHS) };
    networks.push((await trainPlan(plan)).at(-1) ?? new Map());
  }
  return networks;
}

function compareAll(networks: readonly Weights[]): Verdicts {
  const verdicts: Verdicts = { z: [], disjoint: [], known: 0, knownWithoutGraph: 0, smallestLogP: 0 };
  const shapes = [...(networks[0] ?? new Map())].map(([name, { shape }]) => ({ name, shape, role: 'weight' as const }));
  const graph = inferAxisGraph(shapes);
  const prepared = networks.map((network) => prepareKinship(network, graph));
  for (const [i, a] of networks.entries()) {
    for (const [j, b] of networks.slice(0, i).entries()) {
      const { z } = compareKinship(prepared[i] ?? prepareKinship(a, graph), prepared[j] ?? prepareKinship(b, graph));
      // Below half of what "known" takes, the whole verdict need not be asked.
      const isKin = z > 4 && judgeKinship(a, b, graph, 1, 0).isKin;
      const either = judgeEitherAxis(a, b, 1, 0);
      verdicts.z.push(z);
      if (i % 2 === 1 && j === i - 1) verdicts.disjoint.push(z);
      verdicts.known += isKin ? 1 : 0;
      verdicts.knownWithoutGraph += either.isKin ? 1 : 0;
      verdicts.smallestLogP = Math.min(verdicts.smallestLogP, either.logPValue);
    }
  }
  return verdicts;
}

/** The p-value of Kolmogorov's test against the standard normal distribution, by Stephens' correction of the limit. */
function kolmogorovP(sample: readonly number[]): number {
  const n = sample.length;
  const below = [...sample].sort((a, b) => a - b).map((z) => 1 - Math.exp(logNormalTail(z)));
  const distance = Math.max(...below.flatMap((p, i) => [Math.abs(p - i / n), Math.abs(p - (i + 1) / n)]));
  const x = (Math.sqrt(n) + 0.12 + 0.11 / Math.sqrt(n)) * distance;
  let p = 0;
  for (let k = 1; k < 100; k++) p += 2 * (-1) ** (k - 1) * Math.exp(-2 * (k * x) ** 2);
  return Math.min(1, Math.max(0, p));
}

function rowOf(name: string, count: number, verdicts: Verdicts): readonly string[] {
  const { z, disjoint, known, knownWithoutGraph, smallestLogP } = verdicts;
  const mean = z.reduce((sum, x) => sum + x, 0) / z.length;
  const deviation = Math.sqrt(z.reduce((sum, x) => sum + (x - mean) ** 2, 0) / z.length);
  const figures = [mean.toFixed(3), deviation.toFixed(3), Math.max(...z).toFixed(2), kolmogorovP(disjoint).toFixed(2)];
  return [
    name,
    String(count),
    String(z.length),
    ...figures,
    String(known),
    String(knownWithoutGraph),
    smallestLogP.toFixed(1),
  ];
}

async function* run({ seed, large, report }: BenchOptions): AsyncIterable<BenchTable> {
  const rows: (readonly string[])[] = [];
  let pairs = 0;
  for (const { scene: name, small, large: many } of COUNTS) {
    const scene = SCENES.find((s) => s.name === name);
    if (scene === undefined) throw new Error(`There is no scene ${name}.`);
    const count = large ? many : small;
    report(`strangers: ${name}`);
    const verdicts = compareAll(await trainStrangers(scene, count, seed));
    pairs += verdicts.z.length;
    rows.push(rowOf(name, count, verdicts));
  }
  const columns = [
    'scene',
    'networks',
    'pairs',
    'mean Z',
    'sd',
    'largest Z',
    'KS p',
    'known',
    'known without graph',
    'least ln p without graph',
  ];
  yield {
    title:
      'Strangers: all pairs of independent networks of one architecture, trained on the same digits for one to six epochs',
    columns,
    rows,
    notes: [`${pairs} pairs; seed ${seed}. Known must be 0.`],
  };
}

export const strangers: Bench = {
  name: 'strangers',
  about: 'ten thousand pairs of independent networks, none of which may be called kin; how normal the statistic is',
  isHeavy: true,
  run,
};
