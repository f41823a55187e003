/** Progress of a long operation, yielded while it runs. */
export interface ProgressEvent {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly detail?: string;
}

/** A long operation: yields progress, returns its result. */
export type Operation<Result> = AsyncGenerator<ProgressEvent, Result, void>;
