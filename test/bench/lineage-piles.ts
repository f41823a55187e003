import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Forest } from '../../src/lineage/model.ts';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { summarize } from '../../src/sketch/summarize.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import * as alter from '../lineage/alter.ts';
import { scoreForest } from './forest-score.ts';
import type { Trained } from './lineage-forest.ts';
import { openAsFile, type TrueMember, toMembers } from './members.ts';
import { canWriteAll, openMixed } from './mixed-formats.ts';
import { type BenchTable, formatShare } from './table.ts';
import { trainPlan, type ZooRun } from './zoo.ts';

/** A pile as somebody may have it: some checkpoints of every run, some of them altered. */
interface Pile {
  readonly name: string;
  readonly keeps: (checkpoint: number, last: number) => boolean;
  /** What became of the n-th checkpoint that is kept. */
  readonly alter?: (weights: Weights, n: number) => { readonly weights: Weights; readonly dtype?: DType };
  /** Every file in another format than the one before. */
  readonly isMixed?: boolean;
  /** Networks of the same architecture among the others that are no part of any run. */
  readonly strangers?: number;
}

const all = () => true;
const isChanged = ({ alter, isMixed }: Pile): boolean => alter !== undefined || isMixed === true;
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
  { name: 'formats mixed', keeps: all, isMixed: true },
  { name: 'twelve strangers among them', keeps: all, strangers: 12 },
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

async function alterMembers(members: readonly TrueMember[], pile: Pile, withAll: boolean) {
  const altered = members.map(({ entry }, n) => pile.alter?.(entry.weights, n) ?? { weights: entry.weights });
  const files = pile.isMixed
    ? await openMixed(
        altered.map(({ weights }) => weights),
        withAll,
      )
    : [];
  const changed: TrueMember[] = [];
  for (const [n, member] of members.entries()) {
    const { weights, dtype } = altered[n] ?? { weights: member.entry.weights };
    const file = files[n] ?? (await openAsFile(weights, dtype));
    changed.push({ ...member, entry: { ...member.entry, weights, summary: await summarize(file) } });
    await file.close();
  }
  return changed;
}

/** The zoo with networks of other seeds, each a run of one checkpoint. */
async function addStrangers({ zoo, members }: Trained, count: number, seed: number): Promise<Trained> {
  const strangers: ZooRun[] = [];
  for (let i = 0; i < count; i++) {
    const plan = { scene: zoo.scene, seed: 100_000 * seed + 30_000 + i, epochs: 1 + (i % 8) };
    strangers.push({ name: `stranger-${i}`, checkpoints: (await trainPlan(plan)).slice(-1) });
  }
  const runs = [...zoo.runs, ...strangers];
  const added = (await toMembers({ ...zoo, runs })).slice(members.length);
  return { zoo: { ...zoo, runs }, members: [...members, ...added] };
}

/** Strangers that share their trajectory with nobody. */
function countAlone(forest: Forest, strangers: readonly TrueMember[]): number {
  const ids = new Set(strangers.map(({ entry }) => entry.id));
  return forest.trajectories.filter(({ members: [first, second] }) => first && !second && ids.has(first.id)).length;
}

/** Recovers piles in which checkpoints are missing or altered. */
export async function benchPiles(zoos: readonly Trained[], seed: number): Promise<BenchTable> {
  const rows: (readonly string[])[] = [];
  const withAll = canWriteAll();
  for (const trained of zoos) {
    for (const pile of PILES) {
      const kept = thin(trained, pile);
      const { zoo, members } = pile.strangers ? await addStrangers(kept, pile.strangers, seed) : kept;
      const altered = isChanged(pile) ? await alterMembers(members, pile, withAll) : members;
      const entries = altered.map(({ entry }) => entry);
      const forest = await recoverForest(entries, memoryArchive(entries));
      const score = scoreForest(zoo, altered, forest);
      const alone = countAlone(forest, altered.slice(kept.members.length));
      const claimed = score.runs.filter(({ isDirectionClaimed }) => isDirectionClaimed);
      rows.push([
        zoo.scene.name,
        pile.name,
        `${score.found} / ${zoo.runs.length}`,
        score.ari.toFixed(3),
        `${score.runs.filter(({ isExact }) => isExact).length} of ${score.runs.length}`,
        `${claimed.filter(({ tau }) => tau > 0).length} / ${claimed.length} / ${score.runs.length}`,
        formatShare(score.parentsRight, score.members),
        pile.strangers ? `${alone} of ${pile.strangers}` : '-',
      ]);
    }
  }
  return {
    title: 'Lineage: piles with gaps, and with altered checkpoints among the others',
    columns: [
      'zoo',
      'pile',
      'found / true',
      'ARI',
      'runs exact',
      'direction right / claimed / all',
      'parents right',
      'strangers alone',
    ],
    rows,
    notes: [
      `Formats: safetensors, .pt and npz${withAll ? ', .h5 and ONNX' : '; h5py and onnx are not installed, so that HDF5 and ONNX are not among them'}.`,
    ],
  };
}
