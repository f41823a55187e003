// The program of a worker thread that codes blocks, as threaded-coder.ts asks.
import { parentPort, workerData } from 'node:worker_threads';
import { allowWasm } from '../bytes/wasm-module.ts';
import { WsvcError } from '../errors.ts';
import { type Answer, type Failure, type Question, runTask, type TaskResult, type ThreadData } from './coder-task.ts';

/** The bytes in a buffer of their own, which can be given away; those of a task go back to where they came from. */
function own(bytes: Uint8Array, taken: readonly ArrayBuffer[]): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && !taken.includes(buffer);
  return isWhole ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

/** The answer, and the buffers that are given away with it. */
function answerWith(result: TaskResult, buffers: readonly ArrayBuffer[]): readonly [Answer, ...ArrayBuffer[]] {
  if (result === undefined) return [{ result, buffers }, ...buffers];
  if (result instanceof Uint8Array) {
    const bytes = own(result, buffers);
    return [{ result: bytes, buffers }, bytes.buffer, ...buffers];
  }
  const payload = own(result.payload, buffers);
  return [{ result: { ...result, payload }, buffers }, payload.buffer, ...buffers];
}

function failureOf(error: unknown): Failure {
  if (error instanceof WsvcError) return { message: error.message, code: error.code, suggestions: error.suggestions };
  return { message: error instanceof Error ? error.message : String(error) };
}

function answer({ task, buffers }: Question): readonly [Answer, ...ArrayBuffer[]] {
  try {
    return answerWith(runTask(task), buffers);
  } catch (error) {
    return [{ failure: failureOf(error), buffers }, ...buffers];
  }
}

allowWasm((workerData as ThreadData).isWasmAllowed);
parentPort?.on('message', (question: Question) => {
  const [message, ...given] = answer(question);
  parentPort?.postMessage(message, given);
});
