import type { Distances } from './distances.ts';
import { FREE_STEP } from './habits.ts';
import type { Arm } from './movement-edges.ts';

/** Natural logarithms of a step's length over that of the one before it that are usual for some run, and deviations from what is usual: each as likely as the others. */
const CENTRES = Array.from({ length: 19 }, (_, i) => -1.2 + 0.1 * i);
const DEVIATIONS = Array.from({ length: 8 }, (_, i) => 0.05 * 1.7 ** i);
/** Peak of the density of Student's t with three degrees of freedom. */
const PEAK = 2 / (Math.PI * Math.sqrt(3));

/** Growths of the steps inside arms; a branch's first step is none of them, as it starts anywhere on a step of its trunk. */
function growthsOf(arms: readonly Arm[], { squared }: Distances): readonly number[] {
  return arms.flatMap(({ nodes }) => {
    const logs = nodes.slice(1).map((node, i) => Math.log(squared(nodes[i] ?? 0, node) + Number.MIN_VALUE) / 2);
    return logs.slice(1).map((log, i) => log - (logs[i] ?? 0));
  });
}

/** Mean over all centres and deviations of the product of Student's t. */
function logMarginal(growths: readonly number[]): number {
  let sum = 0;
  for (const centre of CENTRES) {
    for (const deviation of DEVIATIONS) {
      let density = 1;
      for (const growth of growths) {
        const z = (growth - centre) / deviation;
        density *= PEAK / deviation / (1 + (z * z) / 3) ** 2;
      }
      sum += density;
    }
  }
  return Math.log(sum / (CENTRES.length * DEVIATIONS.length) + Number.MIN_VALUE);
}

/**
 * Log density of how the steps of a reading grow and shrink: along a run by a usual factor, whichever that is, with the tails of Student's t (a learning rate
 * may jump). Branches start with a step as long as any.
 */
export function growthDensity(arms: readonly Arm[], distances: Distances): number {
  const starts = arms.filter(({ nodes }) => nodes.length > 1).length;
  return logMarginal(growthsOf(arms, distances)) - starts * FREE_STEP;
}
