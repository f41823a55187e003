import { Worker } from 'node:worker_threads';
import { invariant } from '../../assert.ts';
import type { ByteSource } from '../../bytes/source.ts';
import { WsvcError } from '../../errors.ts';
import { badFile } from '../bad-file.ts';
import { type Block, type Listing, LZF, type Question, type WorkerMessage, type WorkerSettings } from './protocol.ts';
import { answerQuestions } from './worker-program.ts';

/** What the library reads at a time; its own reads are mostly some hundred bytes. */
const WINDOW_BYTES = 256 * 1024;
const MAX_BLOCKS = 64;
const PAGE_BYTES = 65_536;
/** The library's memory: its own 19 MB, the largest block read (16 MiB), and a chunk's stored and decoded form. */
const MAX_LIBRARY_BYTES = 1024 * 1024 * 1024;
/** Small files get less: what the library has at rest, and room for chunks that decode to many times their size. */
const FREE_LIBRARY_BYTES = 192 * 1024 * 1024;
const LIBRARY_GROWTH = 32;
/** The library's slowest honest work between two reads is far below; only a loop takes this long. */
const STALL_MS = 20_000;
/** Reading every block of a file this many times over is no honest work either. */
const MAX_PASSES = 16;
const SPARE_READS = 10_000;
const MAX_OBJECTS = 200_000;
/** A model's configuration of thousands of layers has some 10 MB. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

type Answer = Exclude<WorkerMessage, { readonly kind: 'want' }>;

/** The one worker that runs the library. */
interface Engine {
  readonly worker: Worker;
  readonly signal: Int32Array;
  readonly window: Uint8Array;
}

/** Filters beside the library's own: LZF, which h5py brings. */
const PLUGINS = { [LZF]: import.meta.resolve('h5wasm-plugins/plugins/libH5Zlzf.so') };

// The library is 4 MB of WebAssembly: it is loaded once, and again only after it broke.
let engine: Engine | undefined;
// It answers one question at a time.
let turn: Promise<unknown> = Promise.resolve();

function startEngine(): Engine {
  const signal = new Int32Array(new SharedArrayBuffer(8));
  const window = new Uint8Array(new SharedArrayBuffer(WINDOW_BYTES));
  const settings: Omit<WorkerSettings, 'readFilter'> = {
    library: import.meta.resolve('h5wasm'),
    filters: PLUGINS,
    signal,
    window,
    maxPages: MAX_LIBRARY_BYTES / PAGE_BYTES,
    maxBlocks: MAX_BLOCKS,
  };
  // As text, for the program runs from its sources, from a bundle and under a test runner alike. Some compilers mark functions by
  // __name. The console is silenced: the library prints a trace for every error that it reports.
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    const __name = (named) => named;
    for (const way of ['log', 'info', 'warn', 'error']) console[way] = () => {};
    const { prototype } = WebAssembly.Memory;
    const { grow } = prototype;
    // The library asks for memory through this; a refusal is an allocation that fails, which it reports.
    prototype.grow = function (pages) {
      if (this.buffer.byteLength / ${PAGE_BYTES} + pages > workerData.maxPages) throw new RangeError('out of memory');
      return grow.call(this, pages);
    };
    const { readFileSync } = require('node:fs');
    const readFilter = (id) => id in workerData.filters ? readFileSync(new URL(workerData.filters[id])) : undefined;
    const answerQuestions = ${answerQuestions.toString()};
    import(workerData.library).then(async (library) => {
      await library.ready;
      answerQuestions(library, parentPort, Object.assign(workerData, { readFilter }));
    });`;
  const worker = new Worker(program, { eval: true, workerData: settings, stdout: true, stderr: true });
  worker.unref();
  return { worker, signal, window };
}

async function stopEngine(): Promise<void> {
  const stopped = engine;
  engine = undefined;
  await stopped?.worker.terminate();
}

/** Puts the bytes that the worker sleeps for into its window, and wakes it. */
async function serveBytes(
  { signal, window }: Engine,
  source: ByteSource,
  offset: number,
  byteLength: number,
): Promise<void> {
  let served = -1;
  try {
    window.set(await source.read(offset, byteLength));
    served = byteLength;
  } finally {
    Atomics.store(signal, 1, served);
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  }
}

/** Waits for the answer, serving bytes meanwhile. */
function converse(current: Engine, source: ByteSource, question: Question): Promise<Answer> {
  const { worker } = current;
  let readsLeft = SPARE_READS + MAX_PASSES * Math.ceil(source.byteLength / WINDOW_BYTES);
  return new Promise<Answer>((resolve, reject) => {
    const fail = (reason: string): void => settle(() => resolve({ kind: 'failed', reason, isWorn: true }));
    const stall = setTimeout(() => fail('the library must come to an end with it'), STALL_MS);
    const serve = (offset: number, byteLength: number): void => {
      readsLeft -= 1;
      if (readsLeft < 0) fail('the library must come to an end with it');
      else serveBytes(current, source, offset, byteLength).catch((error: unknown) => settle(() => reject(error)));
    };
    const onMessage = (message: WorkerMessage): void => {
      stall.refresh();
      if (message.kind === 'want') serve(message.offset, message.byteLength);
      else settle(() => resolve(message));
    };
    const onError = (error: Error): void => fail(`the library broke (${error.message})`);
    const settle = (finish: () => void): void => {
      clearTimeout(stall);
      worker.off('message', onMessage).off('error', onError);
      finish();
    };
    worker.on('message', onMessage).on('error', onError);
    const { byteLength } = source;
    const maxPages = Math.floor(
      Math.min(MAX_LIBRARY_BYTES, FREE_LIBRARY_BYTES + LIBRARY_GROWTH * byteLength) / PAGE_BYTES,
    );
    worker.postMessage({ question, byteLength, maxPages });
  });
}

async function askNow(source: ByteSource, question: Question): Promise<Answer> {
  engine ??= startEngine();
  const current = engine;
  current.worker.ref();
  try {
    const answer = await converse(current, source, question);
    if (answer.isWorn) await stopEngine();
    return answer;
  } catch (error) {
    await stopEngine();
    throw error;
  } finally {
    current.worker.unref();
  }
}

async function ask(source: ByteSource, question: Question): Promise<Answer> {
  const before = turn;
  const answer = before.then(() => askNow(source, question));
  turn = answer.catch(() => {});
  const given = await answer;
  if (given.kind !== 'failed') return given;
  throw badFile('hdf5', `HDF5 must be able to read it: ${given.reason}`, given.byteOffset);
}

/**
 * Lists a file's groups and datasets.
 *
 * @throws BadFileError when the library cannot read it, or does not come to an end.
 */
export async function listHdf5(source: ByteSource): Promise<Listing> {
  const answer = await ask(source, { kind: 'list', maxObjects: MAX_OBJECTS, maxTextBytes: MAX_TEXT_BYTES });
  invariant(answer.kind === 'listing', 'a list is answered by a listing');
  return answer.listing;
}

/**
 * Reads a block of a dataset, decoded by the library, its elements in the file's type but little-endian.
 *
 * @throws BadFileError when it does not decode.
 */
export async function readHdf5(source: ByteSource, block: Block): Promise<Uint8Array> {
  const answer = await ask(source, { kind: 'read', block });
  invariant(answer.kind === 'bytes', 'a read is answered by bytes');
  if (answer.bytes.byteLength !== block.byteLength) throw new WsvcError('bug', 'A block has another length.');
  return answer.bytes;
}
