import { beforeAll, describe, expect, it } from 'vitest';
import type { MemoryEntry } from '../../src/lineage/memory-archive.ts';
import type { Forest } from '../../src/lineage/model.ts';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createAdam, SmallNet } from '../bench/small-net.ts';
import { archiveOf, toEntry } from './pile.ts';

const WIDTHS = [32, 24, 10];
const LAYERS = ['hidden', 'output'];
const STEPS = 25;

/** The network's parameters by name, copied. */
function takeWeights(net: SmallNet): Weights {
  return new Map(
    net.parameters.map(({ values, rowLength }, i) => {
      const layer = LAYERS[i >> 1] ?? '';
      const shape = i % 2 === 0 ? [values.length / rowLength, rowLength] : [values.length];
      return [`${layer}.${i % 2 === 0 ? 'weight' : 'bias'}`, { shape, data: values.slice() }];
    }),
  );
}

async function train(run: string, seed: number, count: number, from?: MemoryEntry): Promise<readonly MemoryEntry[]> {
  const net = new SmallNet(WIDTHS, seed);
  if (from !== undefined) {
    for (const [i, { data }] of [...from.weights.values()].entries()) net.parameters[i]?.values.set(data);
  }
  const optimizer = createAdam(2e-3);
  const entries: MemoryEntry[] = [];
  for (let i = 0; i < count; i++) {
    if (i > 0 || from !== undefined) net.train(STEPS, optimizer);
    entries.push(await toEntry(`${run}/${String(i).padStart(2, '0')}`, takeWeights(net)));
  }
  return entries;
}

describe('recoverForest on trained networks', () => {
  let all: readonly MemoryEntry[];
  let forest: Forest;
  beforeAll(async () => {
    const runs = await Promise.all([1, 2, 3].map((seed) => train(`run${seed}`, seed, 12)));
    const fork = await train('fork', 9, 8, runs[1]?.[5]);
    all = [...runs.flat(), ...fork];
    const shuffled = all.toSorted((a, b) =>
      (a.summary.files[0]?.sha256 ?? '').localeCompare(b.summary.files[0]?.sha256 ?? ''),
    );
    forest = await recoverForest(shuffled, archiveOf(shuffled));
  });
  const nameOf = (id: string) => all.find((entry) => entry.id === id)?.source ?? '?';

  it('finds every run and the fork as trajectories, in the order of training', () => {
    const found = forest.trajectories.map(({ members }) => members.map(({ id }) => nameOf(id))).sort();
    const expected = ['fork', 'run1', 'run2', 'run3'].map((run) => {
      return all.map(({ source }) => source).filter((source) => source.startsWith(`${run}/`));
    });
    expect(found).toEqual(expected);
    expect(forest.trajectories.map(({ direction }) => direction)).toEqual(expected.map(() => 'inferred'));
  });

  it('finds where the fork left, give or take one', () => {
    const from = forest.trajectories.flatMap(({ forkedFrom }) =>
      forkedFrom === undefined ? [] : [nameOf(forkedFrom.id)],
    );
    expect(from).toHaveLength(1);
    expect(['run2/04', 'run2/05', 'run2/06']).toContain(from[0]);
  });
});
