import { describe, expect, it } from 'vitest';
import { createDistances } from '../../src/lineage/distances.ts';
import { readHabits } from '../../src/lineage/habits.ts';
import { recoverForest } from '../../src/lineage/recover-forest.ts';
import { sureOfFork, sureOfStep, sureOfWhole } from '../../src/lineage/reliability.ts';
import { archiveOf, moveOn, startMotion } from './pile.ts';
import { membersOf, trainRun } from './small-zoo.ts';

const run = moveOn(startMotion(1), 14, 2).map(({ at }) => at);
const distances = createDistances(run);
const chain = [...run.keys()];
const habits = readHabits([chain], distances);

describe('what a forest says of itself', () => {
  it('is sure of nothing beyond how often its like is right', async () => {
    const members = (await Promise.all([1, 2].map((seed, i) => membersOf(i, trainRun({ seed, epochs: 12 }))))).flat();
    const { edges, trajectories } = await recoverForest(members, archiveOf(members));
    const next = edges.filter(({ relation }) => relation === 'next');
    expect(next.length).toBeGreaterThan(10);
    for (const { confidence } of next) expect(confidence).toBeLessThan(0.999);
    for (const { members: own, orderConfidence } of trajectories)
      if (own.length > 2) expect(orderConfidence).toBeLessThan(0.95);
  });

  it('doubts steps more where little is known of how the run goes on, and where runs branch', () => {
    const known = sureOfStep(chain, 6, true, distances, habits);
    expect(known).toBeGreaterThan(0.98);
    expect(sureOfStep(chain, 6, false, distances, habits)).toBeLessThan(known);
    expect(sureOfStep(chain, 6, true, distances, undefined)).toBeLessThan(known);
    expect(sureOfWhole(chain, distances, undefined)).toBeLessThan(sureOfWhole(chain, distances, habits));
    expect(sureOfFork(undefined).ofBranch).toBeLessThan(sureOfFork(habits).ofBranch);
  });

  it('doubts a step into another direction', () => {
    const order = [...chain.slice(0, 7), 13, ...chain.slice(7, 13)];
    const [straight, turned] = [chain, order].map((path) => sureOfStep(path, 6, true, distances, habits));
    expect(turned).toBeLessThan((straight ?? 0) - 0.02);
  });
});
