import { Cursor } from './cursor.ts';
import { Machine, type NodeCount } from './machine.ts';
import { OPERATIONS } from './opcodes.ts';
import type { PickleObject, PicklePersistent, PickleValue } from './value.ts';
import { asNode } from './value.ts';

const STOP = 0x2e;
const BUILD = 0x62;

export interface ReadPickleOptions {
  /** Where in `bytes` the pickle starts; 0 by default. */
  readonly start?: number;
  /** Where `bytes` starts in the file, for the offsets in errors; 0 by default. */
  readonly fileOffset?: number;
  /**
   * Called when an object has got its state; returns where the pickle goes on. For streams that put raw bytes between
   * opcodes, as joblib does.
   */
  readonly afterBuild?: (object: PickleObject, position: number) => number;
  /** Shared by pickles of one file that are read one by one, so that all of them together are bounded. */
  readonly nodes?: NodeCount;
}

export interface PickleResult {
  readonly value: PickleValue;
  /** Where in `bytes` the pickle ends. */
  readonly end: number;
  /** References to what is outside, in file order. */
  readonly persistent: readonly PicklePersistent[];
}

/**
 * Reads one pickle, protocols 0 to 5, as data: nothing is imported or called. Memory is bounded by the input's length and by a
 * fixed number of values; nesting needs no recursion.
 *
 * @throws TruncatedPickleError when the bytes end first; BadFileError when the pickle breaks a rule.
 */
export function readPickle(bytes: Uint8Array, options: ReadPickleOptions = {}): PickleResult {
  const cursor = new Cursor(bytes, options.start ?? 0, options.fileOffset ?? 0);
  const machine = new Machine(cursor, options.nodes);
  for (;;) {
    const opcode = cursor.u8();
    if (opcode === STOP) return { value: machine.finish(), end: cursor.position, persistent: machine.persistent };
    const operation = OPERATIONS[opcode];
    if (operation === undefined) throw cursor.broken(`0x${opcode.toString(16)} must be an opcode`, cursor.position - 1);
    operation(machine);
    if (opcode === BUILD && options.afterBuild !== undefined) skipAfterBuild(machine, options.afterBuild);
  }
}

function skipAfterBuild(machine: Machine, afterBuild: NonNullable<ReadPickleOptions['afterBuild']>): void {
  const node = asNode(machine.top());
  if (node?.kind !== 'object') return;
  machine.cursor.position = afterBuild(node, machine.cursor.position);
}
