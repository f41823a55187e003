import type { Cursor } from './cursor.ts';
import {
  asNode,
  type PickleNode,
  type PickleObject,
  type PicklePair,
  type PicklePersistent,
  type PickleValue,
} from './value.ts';

/**
 * The most nodes (lists, dicts, records, texts) and the most memo slots of one pickle. A byte of input can make one of each, of some 60
 * bytes, so this bounds memory to some hundred megabytes whatever the input; a checkpoint of 100,000 tensors needs a million.
 */
export const MAX_NODES = 1 << 22;
/** Empty containers take one byte each; what picklers write of them stands among longer things. */
const BYTES_PER_NODE = 2;
/** Short pickles may hold nothing else. */
const FREE_NODES = 1 << 16;

/** How many nodes were made; pickles inside one another share it. */
export interface NodeCount {
  count: number;
}

/** The state of the pickle machine: a stack with marks, and the memo. Only {@link readPickle} drives it. */
export class Machine {
  readonly cursor: Cursor;
  /** In the order they were met. */
  readonly persistent: PicklePersistent[] = [];
  readonly #stack: PickleValue[] = [];
  /** Stack heights at which MARK was executed. */
  readonly #marks: number[] = [];
  /** The memo's entries 0, 1, 2...: picklers number them in order. */
  readonly #memo: PickleValue[] = [];
  /** Entries with other numbers. */
  readonly #oddMemo = new Map<number, PickleValue>();
  readonly #nodes: NodeCount;
  readonly #maxNodes: number;

  constructor(cursor: Cursor, nodes: NodeCount = { count: 0 }) {
    this.cursor = cursor;
    this.#nodes = nodes;
    this.#maxNodes = Math.min(MAX_NODES, FREE_NODES + Math.floor(cursor.bytes.byteLength / BYTES_PER_NODE));
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  /** Pushes a value that takes memory of its own. */
  pushNew(value: PickleValue): void {
    this.#nodes.count += 1;
    if (this.#nodes.count > this.#maxNodes) {
      throw this.cursor.broken(`a pickle of its length must not hold more than ${this.#maxNodes} values`);
    }
    this.#stack.push(value);
  }

  pop(): PickleValue {
    this.#checkHeight();
    const value = this.#stack.pop();
    if (value === undefined) throw this.#underflow();
    return value;
  }

  top(): PickleValue {
    this.#checkHeight();
    const value = this.#stack.at(-1);
    if (value === undefined) throw this.#underflow();
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** Takes everything above the last mark, and the mark. */
  popToMark(): PickleValue[] {
    const height = this.#marks.pop();
    if (height === undefined) throw this.cursor.broken('a mark must have been set before it is used');
    return this.#stack.splice(height);
  }

  /** Drops the top value, or the mark where that is on top: what POP does. */
  drop(): void {
    if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
    else this.pop();
  }

  memoize(index: number): void {
    const value = this.top();
    if (index === this.#memo.length) this.#oddMemo.delete(index);
    if (index <= this.#memo.length) this.#memo[index] = value;
    else this.#oddMemo.set(index, value);
    if (this.#memoSize() > this.#maxNodes) {
      throw this.cursor.broken(`the memo of a pickle of its length must not hold more than ${this.#maxNodes} values`);
    }
  }

  memoizeNext(): void {
    this.memoize(this.#memoSize());
  }

  #memoSize(): number {
    return this.#memo.length + this.#oddMemo.size;
  }

  recall(index: number): void {
    const value = index < this.#memo.length ? this.#memo[index] : this.#oddMemo.get(index);
    if (value === undefined) throw this.cursor.broken(`memo entry ${index} must be stored before it is used`);
    this.#stack.push(value);
  }

  /** Ends the run: exactly one value must be left. */
  finish(): PickleValue {
    const value = this.pop();
    if (this.#stack.length > 0) throw this.cursor.broken('a pickle must leave one value on the stack');
    return value;
  }

  topNode(wanted: string): PickleNode {
    const node = asNode(this.top());
    if (node === undefined) throw this.cursor.broken(`this operation must find ${wanted} on the stack`);
    return node;
  }

  pushObject(callee: PickleValue, args: readonly PickleValue[]): void {
    const object: PickleObject = { kind: 'object', callee, args, items: [], entries: [] };
    this.pushNew(object);
  }

  pushPersistent(id: PickleValue): void {
    const reference: PicklePersistent = { kind: 'persistent', id };
    this.persistent.push(reference);
    this.pushNew(reference);
  }

  /** Splits the values above the mark into pairs. */
  pairs(values: readonly PickleValue[]): PicklePair[] {
    const pairs: PicklePair[] = [];
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i];
      const value = values[i + 1];
      if (key === undefined || value === undefined) throw this.cursor.broken('a dict must have a value for every key');
      pairs.push([key, value]);
    }
    return pairs;
  }

  /** A mark on top is no value: nothing below it may be taken. */
  #checkHeight(): void {
    if (this.#marks.at(-1) === this.#stack.length)
      throw this.cursor.broken('an operation must not reach below the mark');
  }

  #underflow(): Error {
    return this.cursor.broken('the stack must hold what an operation takes');
  }
}
