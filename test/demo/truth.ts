import type { TrajectoryResult } from '../../src/repo/lineage-results.ts';

/** What a file really is; the program never sees this. */
export interface Truth {
  readonly run: string;
  readonly epoch: number;
}

export interface TrueRun {
  readonly name: string;
  /** Run and epoch that it was forked from. */
  readonly forkedFrom?: Truth;
}

/** A recovered trajectory beside the run that it should be. */
export interface Verdict {
  readonly recovered: string;
  /** The run of its files; several when they were mixed. */
  readonly runs: readonly string[];
  /** Epochs in the recovered order. */
  readonly epochs: readonly number[];
  readonly forkedFrom: string;
  readonly isRight: boolean;
  readonly why: string;
}

export type TruthByFile = ReadonlyMap<string, Truth>;

const isRising = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value > (values[i - 1] ?? 0));

/** The true checkpoint at a position of a recovered trajectory. */
function truthAt(
  fork: NonNullable<TrajectoryResult['forkedFrom']>,
  all: readonly TrajectoryResult[],
  truth: TruthByFile,
): Truth | undefined {
  const parent = all.find(({ name }) => name === fork.trajectory);
  const nearest = parent?.checkpoints.find(({ position }) => Math.abs(position - fork.position) < 0.5);
  return nearest === undefined ? undefined : truth.get(nearest.source);
}

function judgeFork(expected: Truth | undefined, found: Truth | undefined): string {
  if (expected === undefined && found === undefined) return '';
  if (expected === undefined) return 'is no fork';
  if (found === undefined) return `its fork from ${expected.run} was not found`;
  // A branch's first steps may point a checkpoint early or late.
  const isNear = found.run === expected.run && Math.abs(found.epoch - expected.epoch) <= 1;
  return isNear ? '' : `forked from ${expected.run}, epoch ${expected.epoch}`;
}

/** Compares one recovered trajectory with the truth. */
export function judgeTrajectory(
  trajectory: TrajectoryResult,
  all: readonly TrajectoryResult[],
  truth: TruthByFile,
  runs: readonly TrueRun[],
): Verdict {
  const files = trajectory.checkpoints.flatMap(({ source }) => truth.get(source) ?? []);
  const names = [...new Set(files.map(({ run }) => run))];
  const epochs = files.map(({ epoch }) => epoch);
  const expected = runs.find(({ name }) => name === names[0]);
  const total = [...truth.values()].filter(({ run }) => run === names[0]).length;
  const found = trajectory.forkedFrom === null ? undefined : truthAt(trajectory.forkedFrom, all, truth);
  const problems = [
    names.length === 1 ? '' : 'several runs in one',
    files.length === total ? '' : `${files.length} of ${total} files`,
    isRising(epochs) ? '' : 'not in order',
    judgeFork(expected?.forkedFrom, found),
  ].filter((problem) => problem !== '');
  return {
    recovered: trajectory.name,
    runs: names,
    epochs,
    forkedFrom: found === undefined ? '' : `${found.run}, epoch ${found.epoch}`,
    isRight: problems.length === 0,
    why: problems.join('; '),
  };
}
