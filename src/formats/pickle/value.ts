/** What a pickle holds, as plain data: nothing is imported, called or set. Lists and records can refer to themselves. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleGlobal
  | PickleSequence
  | PickleDict
  | PickleObject
  | PicklePersistent;

/** The name of a class or function; it is only a name. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly module: string;
  readonly name: string;
}

export interface PickleSequence {
  readonly kind: 'list' | 'tuple' | 'set';
  readonly items: PickleValue[];
}

/** A key and its value; keys are any value, so that no key (`__proto__`) is special. */
export type PicklePair = readonly [key: PickleValue, value: PickleValue];

/** Pairs in file order; of equal keys the last one counts. */
export interface PickleDict {
  readonly kind: 'dict';
  readonly entries: PicklePair[];
}

/** What a call would have made: the callee and its arguments, then what was set, appended and stored into the result. */
export interface PickleObject {
  readonly kind: 'object';
  readonly callee: PickleValue;
  readonly args: readonly PickleValue[];
  /** What BUILD would have set: usually the attributes as a dict. */
  state?: PickleValue;
  /** What was appended, when the object is a list or set. */
  readonly items: PickleValue[];
  /** What was stored by key, when the object is a mapping. */
  readonly entries: PicklePair[];
}

/** A reference to something outside the pickle, by an id that its reader understands. */
export interface PicklePersistent {
  readonly kind: 'persistent';
  readonly id: PickleValue;
}

/** The values that have a `kind`. */
export type PickleNode = Extract<PickleValue, { readonly kind: string }>;

/** Yields a value as a node; `undefined` for plain ones (numbers, texts, bytes). */
export function asNode(value: PickleValue | undefined): PickleNode | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined;
  return value;
}
