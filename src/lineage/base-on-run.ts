import { createDistances } from './distances.ts';
import { probabilityWithinOne, weighFork, windowRound } from './fork-evidence.ts';

/** From which checkpoint of a run something was trained on. */
export interface BaseOnRun {
  /** Index in the run. */
  readonly index: number;
  readonly probability: number;
  readonly probabilityWithinOne: number;
}

/**
 * Weighs from which checkpoint of a run a query was trained on, by the steps of the run that it holds ({@link weighFork}). The nearest one is a checkpoint too
 * early where training first undid recent progress, and too late where it went on as the run did.
 *
 * @param run a vector of every checkpoint, in the order of time: its sketch, or the compared weights.
 * @returns undefined where there are not two to choose from.
 */
export function weighBaseOnRun(run: readonly Float32Array[], query: Float32Array): BaseOnRun | undefined {
  const distances = createDistances([...run, query]);
  const head = run.length;
  const options = weighFork([head], windowRound(head, [...run.keys()], distances), distances);
  const [best] = options;
  if (best === undefined || options.length < 2) return undefined;
  return {
    index: best.candidate,
    probability: best.probability,
    probabilityWithinOne: probabilityWithinOne(options),
  };
}
