import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { summarize } from '../../src/sketch/summarize.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import * as alter from '../lineage/alter.ts';
import { scoreForest } from './forest-score.ts';
import type { Trained } from './lineage-forest.ts';
import { openAsFile, type TrueMember } from './members.ts';
import { type BenchTable, formatShare } from './table.ts';

/** A pile as somebody may have it: some checkpoints of every run, some of them altered. */
interface Pile {
  readonly name: string;
  readonly keeps: (checkpoint: number, last: number) => boolean;
  /** What became of the n-th checkpoint that is kept. */
  readonly alter?: (weights: Weights, n: number) => { readonly weights: Weights; readonly dtype?: DType };
}

const all = () => true;
const CAST: readonly DType[] = ['f32', 'bf16', 'f16'];

const PILES: readonly Pile[] = [
  { name: 'every second checkpoint', keeps: (checkpoint) => checkpoint % 2 === 0 },
  {
    name: 'four checkpoints of each run',
    keeps: (checkpoint, last) => [0, 1, 2, 3].some((k) => checkpoint === Math.round((k * last) / 3)),
  },
  { name: 'a third f32, bf16, fp16', keeps: all, alter: (weights, n) => ({ weights, dtype: CAST[n % 3] ?? 'f32' }) },
  {
    name: 'every fifth with 1 % noise',
    keeps: all,
    alter: (weights, n) => ({ weights: n % 5 === 0 ? alter.addNoise(weights, 0.01, n) : weights }),
  },
  {
    name: 'every fifth pruned by 50 %',
    keeps: all,
    alter: (weights, n) => ({ weights: n % 5 === 0 ? alter.prune(weights, 0.5) : weights }),
  },
];

/** The zoo with only what is kept, numbered without gaps; a fork leaves from the last one kept before it. */
function thin({ zoo, members }: Trained, { keeps }: Pile): Trained {
  const kept = zoo.runs.map(({ checkpoints }) =>
    [...checkpoints.keys()].filter((checkpoint) => keeps(checkpoint, checkpoints.length - 1)),
  );
  const runs = zoo.runs.map((run, at) => {
    const checkpoints = (kept[at] ?? []).flatMap((checkpoint) => run.checkpoints[checkpoint] ?? []);
    if (run.from === undefined) return { ...run, checkpoints };
    const { run: trunk, checkpoint } = run.from;
    const place = (kept[trunk] ?? []).filter((early) => early <= checkpoint).length - 1;
    return { ...run, checkpoints, from: { run: trunk, checkpoint: Math.max(0, place) } };
  });
  const renumbered = members.flatMap((member) => {
    const checkpoint = kept[member.run]?.indexOf(member.checkpoint) ?? -1;
    return checkpoint < 0 ? [] : [{ ...member, checkpoint }];
  });
  return { zoo: { ...zoo, runs }, members: renumbered };
}

async function alterMembers(members: readonly TrueMember[], pile: Pile): Promise<readonly TrueMember[]> {
  if (pile.alter === undefined) return members;
  const altered: TrueMember[] = [];
  for (const [n, member] of members.entries()) {
    const { weights, dtype } = pile.alter(member.entry.weights, n);
    const summary = await summarize(await openAsFile(weights, dtype));
    altered.push({ ...member, entry: { ...member.entry, weights, summary } });
  }
  return altered;
}

/** Recovers piles in which checkpoints are missing or altered. */
export async function benchPiles(zoos: readonly Trained[]): Promise<BenchTable> {
  const rows: (readonly string[])[] = [];
  for (const trained of zoos) {
    for (const pile of PILES) {
      const { zoo, members } = thin(trained, pile);
      const altered = await alterMembers(members, pile);
      const entries = altered.map(({ entry }) => entry);
      const score = scoreForest(zoo, altered, await recoverForest(entries, memoryArchive(entries)));
      const claimed = score.runs.filter(({ isDirectionClaimed }) => isDirectionClaimed);
      rows.push([
        zoo.scene.name,
        pile.name,
        `${score.found} / ${zoo.runs.length}`,
        score.ari.toFixed(3),
        `${score.runs.filter(({ isExact }) => isExact).length} of ${score.runs.length}`,
        `${claimed.filter(({ tau }) => tau > 0).length} / ${claimed.length} / ${score.runs.length}`,
        formatShare(score.parentsRight, score.members),
      ]);
    }
  }
  return {
    title: 'Lineage: piles with gaps, and with altered checkpoints among the others',
    columns: ['zoo', 'pile', 'found / true', 'ARI', 'runs exact', 'direction right / claimed / all', 'parents right'],
    rows,
  };
}
