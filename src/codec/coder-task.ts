import type { WsvcErrorCode } from '../errors.ts';
import type { BlockContext, EncodedBlock } from './codec.ts';
import { type CodedBlock, localCoder } from './coder.ts';
import type { Gather } from './gather.ts';

/** What is asked of a coder, as a message. */
export type Task =
  | { readonly kind: 'encode'; readonly plain: Uint8Array; readonly context: BlockContext }
  | { readonly kind: 'gather'; readonly plain: Uint8Array; readonly context: BlockContext; readonly gather: Gather }
  | {
      readonly kind: 'decode';
      readonly block: CodedBlock;
      readonly byteLength: number;
      readonly context: BlockContext;
    };

/** A coded block, the bytes of a decoded one, or nothing where gathering does not help. */
export type TaskResult = EncodedBlock | Uint8Array | undefined;

/** What is left of an error on its way between threads. */
export interface Failure {
  readonly message: string;
  /** Of a WsvcError. */
  readonly code?: WsvcErrorCode;
  readonly suggestions?: readonly string[];
}

/** A task on its way to a thread. */
export interface Question {
  readonly task: Task;
  /** The buffers that hold the task's bytes; they come back with the answer. */
  readonly buffers: readonly ArrayBuffer[];
}

/** A thread's answer; answers come in the order of the questions. */
export type Answer = ({ readonly result: TaskResult } | { readonly failure: Failure }) & Pick<Question, 'buffers'>;

/** What a thread is started with. */
export interface ThreadData {
  readonly isWasmAllowed: boolean;
}

/** Does a task on this thread. */
export function runTask(task: Task): TaskResult {
  switch (task.kind) {
    case 'encode':
      return localCoder.encodeBlock(task.plain, task.context);
    case 'gather':
      return localCoder.encodeGathered(task.plain, task.context, task.gather);
    case 'decode':
      return localCoder.decodeBlock(task.block, task.byteLength, task.context);
  }
}
