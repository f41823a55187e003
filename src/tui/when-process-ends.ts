/** Signals that end a program, with the exit codes that shells expect: 128 and the signal's number. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** The end of the process, watched. */
export interface EndWatch {
  /** Rejects with what nobody caught. */
  readonly failure: Promise<never>;
  stop(): void;
}

/** Has `cleanUp` called when the process ends in whatever way it can still notice. */
export function whenProcessEnds(cleanUp: () => void): EndWatch {
  let reject: (error: unknown) => void = () => undefined;
  const failure = new Promise<never>((_, rejectFailure) => {
    reject = rejectFailure;
  });
  failure.catch(() => undefined);
  const listeners = Object.entries(SIGNALS).map(([signal, code]) => [signal, () => process.exit(code)] as const);
  const onFailure = (error: unknown): void => reject(error);
  process.on('exit', cleanUp);
  process.on('uncaughtException', onFailure);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  const stop = (): void => {
    process.off('exit', cleanUp);
    process.off('uncaughtException', onFailure);
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
  return { failure, stop };
}
