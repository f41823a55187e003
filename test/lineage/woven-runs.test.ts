import { beforeAll, describe, expect, it } from 'vitest';
import { createDistances, type Distances } from '../../src/lineage/distances.ts';
import { turnAt } from '../../src/lineage/forks.ts';
import { readHabits } from '../../src/lineage/habits.ts';
import type { MemoryEntry } from '../../src/lineage/memory-archive.ts';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { sureOfWhole } from '../../src/lineage/reliability.ts';
import { shortenPath } from '../../src/lineage/shorten-path.ts';
import { partInTwo } from '../../src/lineage/two-runs.ts';
import { unweave } from '../../src/lineage/unweave.ts';
import { SCENES, type Scene, trainPlan } from '../bench/zoo.ts';
import { archiveOf, divert, moveOn, startMotion, toEntry } from './pile.ts';

const SEED = 811;

function sceneOf(name: string): Scene {
  const scene = SCENES.find((candidate) => candidate.name === name);
  if (scene === undefined) throw new Error(`There is no zoo ${name}.`);
  return scene;
}

async function toEntries(run: string, checkpoints: Awaited<ReturnType<typeof trainPlan>>) {
  return Promise.all(checkpoints.map((weights, i) => toEntry(`${run}/${String(i).padStart(2, '0')}`, weights)));
}

const distancesOf = (entries: readonly MemoryEntry[]): Distances =>
  createDistances(entries.map(({ summary }) => summary.centred));

/** The names of every trajectory's checkpoints. */
async function recover(entries: readonly MemoryEntry[]) {
  const { trajectories } = await recoverForest(entries, archiveOf(entries));
  const nameOf = new Map(entries.map(({ id, source }) => [id, source]));
  return trajectories
    .map(({ members, forkedFrom }) => ({
      members: members.map(({ id }) => nameOf.get(id)),
      from: forkedFrom && nameOf.get(forkedFrom.id),
    }))
    .sort((a, b) => b.members.length - a.members.length);
}

describe.each(['tanh, SGD', 'ReLU, AdamW'])('a branch at .3 of the rate of its trunk (%s)', (name) => {
  let trunk: readonly MemoryEntry[];
  let branch: readonly MemoryEntry[];
  beforeAll(async () => {
    const scene = sceneOf(name);
    const run = await trainPlan({ scene, seed: SEED, epochs: 16 });
    const start = run[8] ?? new Map();
    trunk = await toEntries('trunk', run);
    branch = await toEntries('branch', await trainPlan({ scene, seed: SEED + 1, epochs: 6, start, fork: 'rate' }));
  });

  it('is told from the trunk that it is woven into', () => {
    const distances = distancesOf([...trunk, ...branch]);
    const members = [...trunk, ...branch].map((_, i) => i);
    const woven = shortenPath(members, distances);
    const path = woven[0] === 0 ? woven : woven.toReversed();
    const found = unweave(path, [], distances);
    expect(found?.trunk).toEqual(members.slice(0, trunk.length));
    expect(found?.branch).toEqual(members.slice(trunk.length));
  });

  it('is a trajectory of its own in the forest, give or take a fork point of one', async () => {
    const [first, second, ...others] = await recover([...trunk, ...branch]);
    expect(others).toEqual([]);
    expect(first?.members).toEqual(trunk.map(({ source }) => source));
    expect(second?.members).toEqual(branch.map(({ source }) => source));
    expect(['trunk/07', 'trunk/08', 'trunk/09']).toContain(second?.from);
  });

  it('leaves a run alone that is one', () => {
    const distances = distancesOf(trunk);
    expect(
      unweave(
        trunk.map((_, i) => i),
        [],
        distances,
      ),
    ).toBeUndefined();
  });
});

describe('a run with warm restarts', () => {
  it.each([SEED, SEED + 1, SEED + 2])('is one trajectory where its steps grow tenfold (seed %i)', async (seed) => {
    const entries = await toEntries('run', await trainPlan({ scene: sceneOf('ReLU, restarts'), seed, epochs: 16 }));
    const found = await recover(entries);
    expect(found.map(({ members }) => members)).toEqual([entries.map(({ source }) => source)]);
  });
});

describe('unweave', () => {
  it('parts no run of a hundred that are one', async () => {
    for (let seed = 0; seed < 100; seed++) {
      const weights = moveOn(startMotion(seed), 12, seed + 1000).map(({ at }) => at);
      const distances = createDistances(weights);
      expect(
        unweave(
          weights.map((_, i) => i),
          [],
          distances,
        ),
      ).toBeUndefined();
    }
  });

  it('has nothing to say about a handful of checkpoints', () => {
    const weights = moveOn(startMotion(1), 5, 2).map(({ at }) => at);
    expect(unweave([0, 1, 2, 3, 4], [], createDistances(weights))).toBeUndefined();
  });
});

describe('partInTwo', () => {
  it('gives every checkpoint to one of the runs, in the order of the path, and finds both', () => {
    const trunk = moveOn(startMotion(1), 14, 2);
    const branch = moveOn(divert(trunk[3] ?? startMotion(1), 3), 10, 4);
    // Four checkpoints of the trunk, then one of the branch and one of the trunk in turn.
    const states = [...trunk.slice(0, 4), ...branch.flatMap((state, i) => [state, trunk[4 + i] ?? state])];
    const distances = createDistances(states.map(({ at }) => at));
    const path = states.map((_, i) => i);
    const ofBranch = path.filter((i) => i >= 4 && i % 2 === 0);
    const ofTrunk = path.filter((i) => !ofBranch.includes(i));
    const habits = readHabits([ofTrunk, ofBranch], distances);
    if (habits === undefined) throw new Error('Twenty steps have habits.');
    const found = partInTwo(path, distances, habits);
    for (const two of found) {
      expect([...two.trunk, ...two.branch].sort((a, b) => a - b)).toEqual(path);
      expect(two.trunk).toEqual(two.trunk.toSorted((a, b) => a - b));
      expect(two.branch).toEqual(two.branch.toSorted((a, b) => a - b));
      expect(two.trunk).toContain(two.parent);
      expect(two.parent).toBeLessThan(two.branch[0] ?? 0);
    }
    expect(found[0]).toMatchObject({ trunk: ofTrunk, branch: ofBranch, parent: 3 });
  });
});

describe('sureOfWhole', () => {
  it('doubts an order with a place like no other', () => {
    const run = moveOn(startMotion(1), 12, 2);
    const [last = startMotion(1)] = run.slice(-1);
    const turned = moveOn({ at: last.at, velocity: last.velocity.map((v) => -3 * v) }, 3, 4);
    const distances = createDistances([...run, ...turned].map(({ at }) => at));
    const chain = [...run.keys()];
    const habits = readHabits([chain], distances);
    const whole = sureOfWhole(chain, distances, habits);
    expect(whole).toBeGreaterThan(0.8);
    expect(sureOfWhole([...chain, 12, 13, 14], distances, habits)).toBeLessThan(whole - 0.15);
  });
});

describe('turnAt', () => {
  it.each([
    { what: 'straight on', after: [2, 0], turn: 0 },
    { what: 'straight on with a step ten times as long', after: [11, 0], turn: 0 },
    { what: 'a right angle', after: [1, 3], turn: Math.SQRT1_2 },
    { what: 'straight back', after: [-4, 0], turn: 1 },
    { what: 'standing still', after: [1, 0], turn: 0 },
  ])('$what', ({ after, turn }) => {
    const distances = createDistances([[0, 0], [1, 0], after].map((point) => Float32Array.from(point)));
    expect(turnAt(0, 1, 2, distances)).toBeCloseTo(turn, 6);
  });
});
