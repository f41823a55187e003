import { beforeAll, describe, expect, it } from 'vitest';
import { createDistances, type Distances } from '../../src/lineage/distances.ts';
import { fitReading, LOOK } from '../../src/lineage/fit-movement.ts';
import { maximise } from '../../src/lineage/maximise.ts';
import type { Arm } from '../../src/lineage/movement-edges.ts';
import { rereadArms } from '../../src/lineage/reread-arms.ts';
import { createRandom, shuffled } from '../zoo/random.ts';
import { type ForkKind, trainFamily } from './thinned.ts';

/** A run of four checkpoints, by their numbers 0 to 3, and a branch of four, 4 to 7. */
async function measureFour(zoo: string, fork: ForkKind, epoch: number, seed: number): Promise<readonly Float32Array[]> {
  const { trunk, branch } = await trainFamily({ zoo, fork, epoch, seed, keeps: 'four' });
  return [...trunk, ...branch].map(({ summary }) => summary.centred);
}

const root = (...nodes: number[]): Arm => ({ nodes, parent: undefined, follows: false });
const branchOf = (parent: number, ...nodes: number[]): Arm => ({ nodes, parent, follows: false });

/** What a reading says, whatever the order of its arms. */
function describeArms(arms: readonly Arm[] | undefined) {
  return arms?.map(({ nodes, parent }) => `${nodes}${parent === undefined ? '' : ` from ${parent}`}`).sort();
}

describe.each([
  { zoo: 'tanh, Adam', fork: 'labels', epoch: 5, seed: 100_002, truth: [root(0, 1, 2, 3), branchOf(1, 4, 5, 6, 7)] },
  { zoo: 'tanh, Adam', fork: 'subset', epoch: 8, seed: 100_004, truth: [root(0, 1, 2, 3), branchOf(1, 4, 5, 6, 7)] },
] as const)('four checkpoints of a run and of a branch (other $fork)', ({ zoo, fork, epoch, seed, truth }) => {
  let points: readonly Float32Array[];
  let distances: Distances;
  beforeAll(async () => {
    points = await measureFour(zoo, fork, epoch, seed);
    distances = createDistances(points);
  });

  it('stay as they are where they are read right', () => {
    expect(rereadArms(truth, distances)).toBeUndefined();
  });

  it.each([
    { what: 'the arms are exchanged', wrong: [root(0, 1, 4, 5, 6, 7), branchOf(1, 2, 3)] },
    { what: 'the branch is read backwards', wrong: [root(0, 1, 2, 3), branchOf(1, 7, 6, 5, 4)] },
    { what: 'the branch is read into its trunk', wrong: [root(0, 1, 4, 5, 6, 7, 2, 3)] },
    { what: 'the first of the branch is read into its trunk', wrong: [root(0, 1, 4, 2, 3), branchOf(4, 5, 6, 7)] },
  ])('are read anew where $what', ({ wrong }) => {
    const found = rereadArms(wrong, distances);
    expect(describeArms(found?.arms)).toEqual(describeArms(truth));
  });

  it('are read the same whatever their numbers are', () => {
    const places = Array.from(shuffled(points.length, createRandom(7)));
    const renumbered = createDistances(places.map((place) => points[place] ?? new Float32Array(0)));
    const wrong = [root(0, 1, 4, 5, 6, 7), branchOf(1, 2, 3)];
    const number = (node: number) => places.indexOf(node);
    const found = rereadArms(
      wrong.map((arm) => ({
        ...arm,
        nodes: arm.nodes.map(number),
        parent: arm.parent === undefined ? undefined : number(arm.parent),
      })),
      renumbered,
    );
    const back = found?.arms.map((arm) => ({
      ...arm,
      nodes: arm.nodes.map((node) => places[node] ?? -1),
      parent: arm.parent === undefined ? undefined : places[arm.parent],
    }));
    expect(describeArms(back)).toEqual(describeArms(truth));
  });
});

describe('fitReading', () => {
  const distances = createDistances(
    [
      [0, 0, 0],
      [1, 0, 0],
      [2, 1, 0],
      [3, 1, 1],
    ].map((point) => Float32Array.from(point)),
  );

  it('has nothing to say of arms that do not hang together, or hang on an end', () => {
    expect(fitReading([root(0, 1), branchOf(3, 2)], distances, LOOK)).toBeUndefined();
    expect(fitReading([root(0, 1), branchOf(1, 2, 3)], distances, LOOK)).toBeUndefined();
    expect(fitReading([branchOf(0, 1, 2, 3)], distances, LOOK)).toBeUndefined();
  });

  it('does not depend on the unit of length', () => {
    const larger = createDistances(
      [
        [0, 0, 0],
        [9, 0, 0],
        [18, 9, 0],
        [27, 9, 9],
      ].map((point) => Float32Array.from(point)),
    );
    const [small, large] = [distances, larger].map(
      (each) => fitReading([root(0, 1, 2, 3)], each, LOOK)?.nats ?? Number.NaN,
    );
    expect(large).toBeCloseTo(small ?? 0, 3);
  });

  it('has nothing to say of checkpoints that lie on each other', () => {
    const still = createDistances(
      [
        [0, 0],
        [1, 0],
        [1, 0],
      ].map((point) => Float32Array.from(point)),
    );
    expect(fitReading([root(0, 1, 2)], still, LOOK)).toBeUndefined();
  });
});

describe('maximise', () => {
  it('finds the top of a hill that is steeper one way than the other', () => {
    const hill = (at: Float64Array) => -(((at[0] ?? 0) - 3) ** 2) - 40 * ((at[1] ?? 0) + 0.5 * (at[0] ?? 0)) ** 2;
    const { at, value } = maximise(hill, new Float64Array(2), 60, 1e-9);
    expect(value).toBeCloseTo(0, 4);
    expect(at[0]).toBeCloseTo(3, 2);
    expect(at[1]).toBeCloseTo(-1.5, 2);
  });

  it('stays where nothing is higher', () => {
    expect(maximise(() => 0, Float64Array.of(1, 2), 10, 0).at).toEqual(Float64Array.of(1, 2));
  });
});
