import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Batch, BatchResult, WorkerSettings } from './protocol.ts';

const PROGRAM = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** No batch takes this long; one that does hangs. A stalled HDF5 library is ended after 20 s, and may stall twice in a batch. */
const HANG_MS = 120_000;

/** A process that runs batches; it is ended and started anew when one hangs or breaks it. */
export interface FuzzWorker {
  /** `undefined`: the process hung or broke. */
  run(batch: Batch): Promise<BatchResult | undefined>;
  end(): void;
}

function startProcess(settings: WorkerSettings): Promise<ChildProcess> {
  const child = fork(PROGRAM, [JSON.stringify(settings)], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child));
    child.once('exit', () => reject(new Error('a worker did not start')));
  });
}

function ask(child: ChildProcess, batch: Batch): Promise<BatchResult | undefined> {
  return new Promise((resolve) => {
    const hang = setTimeout(() => finish(undefined), HANG_MS);
    const finish = (result: BatchResult | undefined): void => {
      clearTimeout(hang);
      child.removeAllListeners('message').removeAllListeners('exit');
      resolve(result);
    };
    child.once('message', (result: BatchResult) => finish(result));
    child.once('exit', () => finish(undefined));
    child.send(batch);
  });
}

/** Starts a worker. */
export function createWorker(settings: WorkerSettings): FuzzWorker {
  let child: Promise<ChildProcess> | undefined;
  return {
    async run(batch) {
      child ??= startProcess(settings);
      const current = await child;
      const result = await ask(current, batch);
      if (result === undefined) {
        current.kill('SIGKILL');
        child = undefined;
      }
      return result;
    },
    end() {
      child?.then((current) => current.kill('SIGKILL')).catch(() => {});
    },
  };
}
