import type { Distances } from './distances.ts';
import { growthDensity } from './growth-density.ts';
import { maximise } from './maximise.ts';
import { type Arm, OF_ALL, type Plan, planReading } from './movement-edges.ts';
import { INHERITED, logDensity, NOISE, OWN, observe } from './movement-model.ts';

/** How a reading is fitted. */
export interface Effort {
  readonly rounds: number;
  /** A round that gains less is the last, in nats. */
  readonly least: number;
}

/** For hundreds of readings: the density where the fit would start. For a few of these: some rounds. For the best: until nothing is gained. */
export const GLANCE: Effort = { rounds: 0, least: 0 };
export const GLIMPSE: Effort = { rounds: 4, least: 2 };
export const LOOK: Effort = { rounds: 40, least: 0.05 };

/** A reading of checkpoints, and how likely it makes their distances. */
export interface Reading {
  readonly arms: readonly Arm[];
  /** Log density, up to a constant that all readings of these checkpoints share. */
  readonly nats: number;
  /** Log of how long a direction is kept. */
  readonly memory: number;
}

/** Steps that a direction is kept for, before anything is known. */
const USUAL_MEMORY = 5;

/** Where fitting starts: noise and memory as expected, forks where the distances put them. */
function startOf(plan: Plan, memory: number | undefined, { squared }: Distances): Float64Array {
  const at = new Float64Array(plan.parameters);
  const length = plan.steps.reduce((sum, step) => sum + Math.sqrt(step.squared), 0) / Math.max(plan.steps.length, 1);
  at[0] = memory ?? Math.log(USUAL_MEMORY * Math.max(length, Number.MIN_VALUE));
  at[1] = OWN.mean;
  plan.arms.forEach(({ nodes, parent, follows }, arm) => {
    at[OF_ALL + arm] = NOISE.mean;
    const fork = plan.forkAt[arm] ?? -1;
    if (fork < 0 || parent === undefined) return;
    const head = nodes[0] ?? parent;
    const step = plan.steps.find(({ forks }) => forks.includes(arm));
    let rest = squared(parent, head);
    if (step !== undefined) {
      const share = (step.squared + rest - squared(step.to, head)) / 2 / step.squared;
      const inside = Math.min(0.95, Math.max(0.05, share));
      at[fork] = Math.log(inside / (1 - inside));
      rest = Math.max(rest - inside * inside * step.squared, 0.05 * rest);
    }
    at[fork + 1] = Math.log(Math.max(rest, Number.MIN_VALUE)) / 2;
    at[fork + 2] = follows ? INHERITED.follows : INHERITED.leaves;
  });
  return at;
}

/**
 * How likely a reading makes the distances of its checkpoints, at the parameters that fit best (penalised by what is expected of them).
 *
 * @param memory where to start from, of a similar reading.
 * @returns undefined where the arms do not hang together.
 */
export function fitReading(
  arms: readonly Arm[],
  distances: Distances,
  effort: Effort,
  memory?: number,
): Reading | undefined {
  const plan = planReading(arms, distances);
  const observed = plan === undefined || plan.nodes.length === 0 ? undefined : observe(plan, distances);
  if (plan === undefined || observed === undefined) return undefined;
  const start = startOf(plan, memory, distances);
  const { at, value } = maximise((x) => logDensity(plan, observed, x), start, effort.rounds, effort.least);
  return { arms: plan.arms, nats: value + growthDensity(plan.arms, distances), memory: at[0] ?? 0 };
}
