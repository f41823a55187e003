// The program of a worker thread that codes blocks, as threaded-coder.ts asks.
import { parentPort, workerData } from 'node:worker_threads';
import { allowWasm } from '../bytes/wasm-module.ts';
import { WsvcError } from '../errors.ts';
import { type Answer, type Failure, runTask, type Task, type TaskResult, type ThreadData } from './coder-task.ts';

/** The bytes in a buffer of their own, which can be given away. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  return isWhole ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

/** The answer, and the buffers that are given away with it. */
function answerWith(result: TaskResult): readonly [Answer, ...ArrayBuffer[]] {
  if (result === undefined) return [{ result }];
  if (result instanceof Uint8Array) {
    const bytes = own(result);
    return [{ result: bytes }, bytes.buffer];
  }
  const payload = own(result.payload);
  return [{ result: { ...result, payload } }, payload.buffer];
}

function failureOf(error: unknown): Failure {
  if (error instanceof WsvcError) return { message: error.message, code: error.code, suggestions: error.suggestions };
  return { message: error instanceof Error ? error.message : String(error) };
}

function answer(task: Task): readonly [Answer, ...ArrayBuffer[]] {
  try {
    return answerWith(runTask(task));
  } catch (error) {
    return [{ failure: failureOf(error) }];
  }
}

allowWasm((workerData as ThreadData).isWasmAllowed);
parentPort?.on('message', (task: Task) => {
  const [message, ...given] = answer(task);
  parentPort?.postMessage(message, given);
});
