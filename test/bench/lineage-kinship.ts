import type { AxisGraph } from '../../src/symmetry/axis-graph.ts';
import { compareKinship, type PreparedKinship, prepareKinship } from '../../src/symmetry/kinship.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import * as alter from '../lineage/alter.ts';
import { formatAuroc } from './auroc.ts';
import type { Trained } from './lineage-forest.ts';
import type { TrueMember } from './members.ts';
import { flatten, squaredDistance } from './standard-methods.ts';
import type { BenchTable } from './table.ts';
import type { Zoo } from './zoo.ts';

/** What is done to one of the two before they are compared. */
const GUISES: readonly { readonly name: string; readonly change: (weights: Weights, seed: number) => Weights }[] = [
  { name: 'as they are', change: (weights) => weights },
  { name: 'pruned 90 %', change: (weights) => alter.prune(weights, 0.9) },
  { name: 'int4', change: (weights) => alter.quantize(weights, 7, alter.perTensor) },
  { name: 'noise 50 %', change: (weights, seed) => alter.addNoise(weights, 0.5, seed) },
];
/** Every so many checkpoints of a zoo are held against the others. */
const EVERY = 15;

/** The run that a checkpoint goes back to. */
function rootOf(zoo: Zoo, run: number): number {
  const from = zoo.runs[run]?.from;
  return from === undefined ? run : rootOf(zoo, from.run);
}

interface Scores {
  readonly kinship: number[];
  readonly cosine: number[];
  readonly distance: number[];
}

const noScores = (): Scores => ({ kinship: [], cosine: [], distance: [] });

interface Prepared {
  readonly member: TrueMember;
  readonly root: number;
  readonly flat: Float32Array;
  readonly kinship: PreparedKinship;
}

function prepare(member: TrueMember, zoo: Zoo, graph: AxisGraph, weights = member.entry.weights): Prepared {
  return { member, root: rootOf(zoo, member.run), flat: flatten(weights), kinship: prepareKinship(weights, graph) };
}

function cosineOf(a: Float32Array, b: Float32Array): number {
  const [x, y] = [squaredDistance(a, new Float32Array(a.length)), squaredDistance(b, new Float32Array(b.length))];
  return (x + y - squaredDistance(a, b)) / (2 * Math.sqrt(x * y) || 1);
}

function compareAll(queries: readonly Prepared[], stored: readonly Prepared[]): { kin: Scores; strangers: Scores } {
  const [kin, strangers] = [noScores(), noScores()];
  for (const query of queries) {
    for (const other of stored) {
      if (other.member === query.member) continue;
      const scores = other.root === query.root ? kin : strangers;
      scores.kinship.push(compareKinship(query.kinship, other.kinship).z);
      scores.cosine.push(cosineOf(query.flat, other.flat));
      scores.distance.push(-squaredDistance(query.flat, other.flat));
    }
  }
  return { kin, strangers };
}

function rowsOf({ zoo, members }: Trained): readonly (readonly string[])[] {
  const graph = members[0]?.entry.graph;
  if (graph === undefined) return [];
  const stored = members.map((member) => prepare(member, zoo, graph));
  const chosen = members.filter((_, i) => i % EVERY === 0);
  return GUISES.map(({ name, change }) => {
    const queries = chosen.map((member, i) => prepare(member, zoo, graph, change(member.entry.weights, i)));
    const { kin, strangers } = compareAll(queries, stored);
    return [
      zoo.scene.name,
      name,
      String(kin.kinship.length),
      String(strangers.kinship.length),
      formatAuroc(kin.kinship, strangers.kinship),
      formatAuroc(kin.cosine, strangers.cosine),
      formatAuroc(kin.distance, strangers.distance),
      Math.min(...kin.kinship).toFixed(1),
      Math.max(...strangers.kinship).toFixed(1),
    ];
  });
}

/** How well pairs of one descent are told from pairs of independent networks by one number, whatever the threshold. */
export function benchKinship(zoos: readonly Trained[]): BenchTable {
  return {
    title: 'Lineage: pairs of one descent and pairs of strangers, told apart by one number',
    columns: [
      'zoo',
      'one of the two',
      'pairs of kin',
      'of strangers',
      'AUROC: kinship Z',
      'cosine',
      'L2',
      'smallest Z of kin',
      'largest of strangers',
    ],
    rows: zoos.flatMap(rowsOf),
    notes: [
      'Kin: two checkpoints that go back to one initialisation, on one run, on a fork and its trunk, or on two forks.',
    ],
  };
}
