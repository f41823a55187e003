import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { isWasmAllowed } from '../bytes/wasm-module.ts';
import { WsvcError } from '../errors.ts';
import { BufferPool } from './buffer-pool.ts';
import { type Awaitable, type BlockCoder, localCoder } from './coder.ts';
import {
  type Answer,
  type Failure,
  type Question,
  runTask,
  type Task,
  type TaskResult,
  type ThreadData,
} from './coder-task.ts';

/** Smaller blocks are coded on the caller's thread: the message would take as long. */
const MIN_BYTES = 128 * 1024;

/** Bytes that are coded before a thread is started: starting one takes as long as coding some of them. */
const WARM_UP_BYTES = 8 * 1024 * 1024;

/** Tasks that a thread has: while it does one, the next waits there. */
const TASKS_PER_THREAD = 2;

/** Somebody who waits for a task. */
interface Asker {
  readonly task: Task;
  resolve(result: TaskResult): void;
  reject(error: unknown): void;
}

const toError = ({ message, code, suggestions = [] }: Failure): Error =>
  code === undefined ? new Error(message) : new WsvcError(code, message, { suggestions });

/** A message takes the whole buffer of a view, so each of the task's byte arrays becomes a copy, which is given away. */
function copyTask(task: Task, pool: BufferPool): Question {
  const buffers: ArrayBuffer[] = [];
  const copy = (value: unknown): unknown => {
    if (value instanceof Uint8Array) {
      const bytes = pool.copy(value);
      buffers.push(bytes.buffer);
      return bytes;
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)]));
  };
  return { task: copy(task) as Task, buffers };
}

/** A worker thread. It keeps the process alive only while somebody waits for it. */
class CoderThread {
  readonly #worker: Worker;
  readonly #askers: Asker[] = [];
  readonly #pool: BufferPool;

  /**
   * @param pool - where the buffers of its tasks come from, and go back to.
   * @param onFree - called when it has done a task.
   * @param onDeath - called with those that still waited when it died.
   */
  constructor(
    program: string,
    pool: BufferPool,
    onFree: () => void,
    onDeath: (thread: CoderThread, left: readonly Asker[]) => void,
  ) {
    this.#pool = pool;
    const workerData: ThreadData = { isWasmAllowed: isWasmAllowed() };
    this.#worker = new Worker(program, { workerData });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => {
      const asker = this.#askers.shift();
      if (this.#askers.length === 0) this.#worker.unref();
      pool.give(answer.buffers);
      if ('failure' in answer) asker?.reject(toError(answer.failure));
      else asker?.resolve(answer.result);
      onFree();
    });
    // What it died of is found again by who does its tasks instead.
    this.#worker.on('error', () => undefined);
    this.#worker.on('exit', () => onDeath(this, this.#askers.splice(0)));
  }

  get hasRoom(): boolean {
    return this.#askers.length < TASKS_PER_THREAD;
  }

  get isIdle(): boolean {
    return this.#askers.length === 0;
  }

  ask(asker: Asker): void {
    const question = copyTask(asker.task, this.#pool);
    if (this.isIdle) this.#worker.ref();
    this.#askers.push(asker);
    this.#worker.postMessage(question, question.buffers);
  }
}

/** Threads that do tasks in the order in which they are asked. */
class CoderThreads {
  readonly #program: string;
  readonly #threads = new Set<CoderThread>();
  readonly #queue: Asker[] = [];
  readonly #pool = new BufferPool();
  #room: number;

  constructor(program: string, count: number) {
    this.#program = program;
    this.#room = count;
  }

  /** A thread that dies leaves what it had to the caller's own. */
  run(task: Task): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ task, resolve, reject });
      this.#hand();
    });
  }

  #hand(): void {
    for (let asker = this.#queue[0]; asker !== undefined; asker = this.#queue[0]) {
      const thread = this.#findThread();
      if (thread === undefined) return;
      this.#queue.shift();
      thread.ask(asker);
    }
  }

  #findThread(): CoderThread | undefined {
    const threads = [...this.#threads];
    const idle = threads.find(({ isIdle }) => isIdle);
    if (idle !== undefined) return idle;
    if (this.#room === 0) return threads.find(({ hasRoom }) => hasRoom);
    this.#room -= 1;
    const thread = new CoderThread(
      this.#program,
      this.#pool,
      () => this.#hand(),
      (dead, left) => this.#bury(dead, left),
    );
    this.#threads.add(thread);
    return thread;
  }

  #bury(dead: CoderThread, left: readonly Asker[]): void {
    this.#threads.delete(dead);
    if (this.#threads.size === 0 && this.#room === 0) left = [...left, ...this.#queue.splice(0)];
    for (const { task, resolve, reject } of left) {
      try {
        resolve(runTask(task));
      } catch (error) {
        reject(error);
      }
    }
    this.#hand();
  }
}

/** The thread's program, as the build leaves it; `undefined` where nothing was built. */
function findProgram(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('#coder-thread');
  } catch {
    return undefined;
  }
}

export interface ThreadOptions {
  /** The thread's program: the built one by default. */
  readonly program?: string | undefined;
  readonly warmUpBytes?: number;
}

/**
 * A coder that has large blocks coded on worker threads; what it returns is the same. Threads are started when enough has been asked
 * for, and end with the process.
 *
 * @param count - of threads; with none, or where the program was not built, all is coded on the caller's thread.
 */
export function createThreadedCoder(
  count: number,
  { program = findProgram(), warmUpBytes = WARM_UP_BYTES }: ThreadOptions = {},
): BlockCoder {
  if (count === 0 || program === undefined) return localCoder;
  const threads = new CoderThreads(program, count);
  let askedBytes = 0;
  /** What a task results in follows from its kind. */
  const run = <T extends TaskResult>(task: Task, byteLength: number): Awaitable<T> => {
    askedBytes += byteLength;
    const isHere = byteLength < MIN_BYTES || askedBytes < warmUpBytes;
    return (isHere ? runTask(task) : threads.run(task)) as Awaitable<T>;
  };
  return {
    ...localCoder,
    encodeBlock: (plain, context) => run({ kind: 'encode', plain, context }, plain.byteLength),
    encodeGathered: (plain, context, gather) => run({ kind: 'gather', plain, context, gather }, plain.byteLength),
    decodeBlock: (block, byteLength, context) => run({ kind: 'decode', block, byteLength, context }, byteLength),
  };
}
