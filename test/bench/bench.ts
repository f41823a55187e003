import type { BenchTable } from './table.ts';

export interface BenchOptions {
  /** Seeds everything that a benchmark draws. {@link DEVELOP_SEED} is for development; any other is to be scored once. */
  readonly seed: number;
  /** More of everything; minutes instead of two. */
  readonly large: boolean;
  /** A folder for figures; none are drawn without it. */
  readonly figures?: string;
  /** Only the sets whose name contains this; benchmarks without sets pass over it. */
  readonly only?: string;
  /** Says what is being done, for those who wait. */
  readonly report: (text: string) => void;
}

/** The seed that methods are developed on. Figures to publish come from another one. */
export const DEVELOP_SEED = 1;

/** One benchmark: a name on the command line and the tables it measures. */
export interface Bench {
  readonly name: string;
  /** One line for the list. */
  readonly about: string;
  /** True for one that only runs when it is named. */
  readonly isHeavy?: boolean;
  /** Yields each table as soon as it is measured. */
  run(options: BenchOptions): AsyncIterable<BenchTable>;
}
