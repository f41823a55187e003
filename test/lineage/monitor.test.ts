import { describe, expect, it } from 'vitest';
import type { MemoryEntry } from '../../src/lineage/memory-archive.ts';
import { monitorTrajectory } from '../../src/lineage/monitor.ts';
import { describeSteps } from '../../src/lineage/trajectory-geometry.ts';
import { divert, type Motion, matrix, moveOn, startMotion, toEntry } from './pile.ts';

const BEFORE = 10;

async function toRun(states: readonly Motion[]): Promise<readonly MemoryEntry[]> {
  return Promise.all(states.map(({ at }, i) => toEntry(`run/${i}`, matrix(at))));
}

const smooth = (count = BEFORE) => moveOn(startMotion(1), count, 2);

function lastOf(states: readonly Motion[]): Motion {
  return states.at(-1) ?? startMotion(1);
}

/** The flags of the checkpoints that have any, by position. */
async function flagsOf(states: readonly Motion[]) {
  const steps = monitorTrajectory(await toRun(states));
  return Object.fromEntries(steps.flatMap(({ flags }, i) => (flags.length > 0 ? [[i, [...flags]]] : [])));
}

const scaled = (motion: Motion, by: number): Motion => ({
  at: motion.at,
  velocity: motion.velocity.map((v) => v * by),
});

describe('monitorTrajectory', () => {
  it('has nothing to say about a smooth run', async () => {
    expect(await flagsOf(smooth(24))).toEqual({});
  });

  it('calls a long step in a new direction a shift, at the first checkpoint after it', async () => {
    const run = smooth();
    const shifted = moveOn(scaled(divert({ ...lastOf(run), velocity: lastOf(run).velocity.map(() => 0) }, 3), 3), 1, 4);
    expect(await flagsOf([...run, ...shifted])).toEqual({ [BEFORE]: ['shift'] });
  });

  it('calls a long step in the old direction faster, not a shift', async () => {
    const run = smooth();
    expect(await flagsOf([...run, ...moveOn(scaled(lastOf(run), 4), 1, 4)])).toEqual({ [BEFORE]: ['faster'] });
  });

  it('calls a short step slower', async () => {
    const run = smooth();
    expect(await flagsOf([...run, ...moveOn(scaled(lastOf(run), 0.1), 1, 4)])).toEqual({ [BEFORE]: ['slower'] });
  });

  it('sees training start again from an earlier checkpoint', async () => {
    const run = smooth();
    expect(await flagsOf([...run, ...moveOn(run[1] ?? lastOf(run), 1, 9)])).toEqual({ [BEFORE]: ['restarted'] });
  });

  it('sees that other weights took the place of the run', async () => {
    const flags = await flagsOf([...smooth(), ...moveOn(startMotion(77), 1, 78)]);
    expect(flags).toEqual({ [BEFORE]: ['overwritten'] });
  });

  it.each([
    { what: 'values that are not numbers', change: (at: Float32Array) => at.map((x, i) => (i === 5 ? Number.NaN : x)) },
    { what: 'an exploding norm', change: (at: Float32Array) => at.map((x) => x * 40) },
  ])('calls $what diverged', async ({ change }) => {
    const run = smooth();
    const last = lastOf(moveOn(lastOf(run), 1, 4));
    expect(await flagsOf([...run, { ...last, at: change(last.at) }])).toEqual({ [BEFORE]: ['diverged'] });
  });

  it('says when nothing moved', async () => {
    const run = smooth();
    expect(await flagsOf([...run, lastOf(run)])).toEqual({ [BEFORE]: ['unchanged'] });
  });
});

describe('describeSteps', () => {
  it('measures length, turn and distance of a path with known corners', async () => {
    const origin = new Float32Array(24 * 24);
    const point = (x: number, y: number): Motion => {
      const at = origin.slice();
      at[0] = x;
      at[30] = y;
      return { at, velocity: origin };
    };
    const corners = [point(3, 4), point(6, 4), point(6, 4), point(6, 8)];
    const steps = describeSteps(await toRun(corners));
    expect(steps.map(({ stepLength }) => stepLength)).toEqual([null, 3, 0, 4]);
    expect(steps.map(({ turn }) => turn)).toEqual([null, null, null, expect.closeTo(Math.PI / 2, 6)]);
    expect(steps[1]?.relativeStep).toBeCloseTo(3 / 5, 6);
    expect(steps[3]?.distanceFromStart).toBeCloseTo(5, 6);
  });
});
