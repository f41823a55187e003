import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { createRandom, shuffled } from '../zoo/random.ts';
import { adjustedRand, type ForestScore, scoreForest } from './forest-score.ts';
import type { TrueMember } from './members.ts';
import type { Stated } from './reliability.ts';
import { nearestStored, type StoredVector, singleLinkage, toVectors } from './standard-methods.ts';
import { type BenchTable, formatShare } from './table.ts';
import type { Zoo } from './zoo.ts';

/** A zoo, and its checkpoints as members. */
export interface Trained {
  readonly zoo: Zoo;
  readonly members: readonly TrueMember[];
}

interface Row {
  readonly name: string;
  readonly score: ForestScore;
  readonly trueRuns: number;
  readonly linkage: number;
  readonly nearestExact: number;
  readonly nearestWithinOne: number;
  readonly ms: number;
}

/** The members in an order that says nothing. */
function shuffle(members: readonly TrueMember[], seed: number): readonly TrueMember[] {
  return Array.from(shuffled(members.length, createRandom(seed))).flatMap((at) => members[at] ?? []);
}

/** How far the nearest neighbour of a fork's first checkpoint, among those of the trunk, is from the true fork point. */
function nearestOffsets({ zoo, members }: Trained, vectors: readonly StoredVector[]): readonly number[] {
  return zoo.runs.flatMap(({ from }, run) => {
    const first = members.find((member) => member.run === run);
    if (from === undefined || first === undefined) return [];
    const trunk = vectors.filter(({ member }) => member.run === from.run);
    return [(nearestStored(first.entry.weights, trunk, 'distance')?.checkpoint ?? -99) - from.checkpoint];
  });
}

async function measure(trained: Trained, seed: number): Promise<Row> {
  const { zoo, members } = trained;
  const entries = shuffle(members, seed).map(({ entry }) => entry);
  const start = performance.now();
  const forest = await recoverForest(entries, memoryArchive(entries));
  const ms = performance.now() - start;
  const vectors = toVectors(members);
  const labels = singleLinkage(
    vectors.map(({ vector }) => vector),
    zoo.runs.length,
  );
  const offsets = nearestOffsets(trained, vectors);
  return {
    name: zoo.scene.name,
    score: scoreForest(zoo, members, forest),
    trueRuns: zoo.runs.length,
    linkage: adjustedRand(
      labels,
      members.map(({ run }) => run),
    ),
    nearestExact: offsets.filter((offset) => offset === 0).length,
    nearestWithinOne: offsets.filter((offset) => Math.abs(offset) <= 1).length,
    ms,
  };
}

const COLUMNS = [
  'zoo',
  'found / true',
  'ARI',
  'ARI, single linkage, number told',
  'runs exact',
  'mean |tau|',
  'direction right / claimed / all',
  'parents right',
  'fork exact',
  'within one',
  'nearest neighbour, trunk told: exact',
  'within one',
  's',
];

function toRow({ name, score, trueRuns, linkage, nearestExact, nearestWithinOne, ms }: Row): readonly string[] {
  const { runs } = score;
  const forks = runs.filter(({ isFork }) => isFork);
  const claimed = runs.filter(({ isDirectionClaimed }) => isDirectionClaimed);
  return [
    name,
    `${score.found} / ${trueRuns}`,
    score.ari.toFixed(3),
    linkage.toFixed(3),
    `${runs.filter(({ isExact }) => isExact).length} of ${runs.length}`,
    (runs.reduce((sum, { tau }) => sum + Math.abs(tau), 0) / runs.length).toFixed(3),
    `${claimed.filter(({ tau }) => tau > 0).length} / ${claimed.length} / ${runs.length}`,
    formatShare(score.parentsRight, score.members),
    formatShare(forks.filter(({ forkOffset }) => forkOffset === 0).length, forks.length),
    formatShare(forks.filter(({ forkOffset }) => Math.abs(forkOffset ?? 9) <= 1).length, forks.length),
    formatShare(nearestExact, forks.length),
    formatShare(nearestWithinOne, forks.length),
    (ms / 1000).toFixed(1),
  ];
}

/** Recovers each zoo from its shuffled, nameless checkpoints; once with its forks, once without. What the forests state of themselves is added to `stated`. */
export async function benchForest(zoos: readonly Trained[], seed: number, stated: Stated[] = []): Promise<BenchTable> {
  const rows: Row[] = [];
  for (const trained of zoos) {
    const { zoo, members } = trained;
    const trunks = { ...zoo, runs: zoo.runs.filter(({ from }) => from === undefined) };
    const alone = members.filter(({ run }) => zoo.runs[run]?.from === undefined);
    const plain = await measure({ zoo: trunks, members: alone }, seed);
    const whole = await measure(trained, seed);
    stated.push(...plain.score.stated, ...whole.score.stated);
    rows.push({ ...plain, name: `${plain.name}, no forks` }, whole);
  }
  return {
    title: 'Lineage: trajectories from a shuffled pile of nameless checkpoints',
    columns: COLUMNS,
    rows: rows.map(toRow),
    notes: rows.flatMap(({ score, name }) =>
      score.wrong.map((text) => (name.endsWith('no forks') ? `(no forks) ${text}` : text)),
    ),
  };
}
