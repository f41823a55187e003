import type { Machine } from './machine.ts';
import {
  decodeText,
  narrowOldString,
  readDecimal,
  readEscapedText,
  readFloatText,
  readIndex,
  readLong,
  readQuoted,
} from './scalars.ts';
import { asNode, type PickleDict, type PickleSequence, type PickleValue } from './value.ts';

/** What one opcode does to the machine. */
export type Operation = (machine: Machine) => void;

const HIGHEST_PROTOCOL = 5;

const NUMBERS: Readonly<Record<string, Operation>> = {
  N: (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  I: (m) => m.push(readDecimal(m.cursor)),
  L: (m) => m.push(readDecimal(m.cursor)),
  F: (m) => m.push(readFloatText(m.cursor)),
  J: (m) => m.push(m.cursor.i32()),
  K: (m) => m.push(m.cursor.u8()),
  M: (m) => m.push(m.cursor.u16()),
  G: (m) => m.push(m.cursor.f64()),
  '\x8a': (m) => m.pushNew(readLong(m.cursor, m.cursor.u8())),
  '\x8b': (m) => m.pushNew(readLong(m.cursor, m.cursor.i32())),
};

const STRINGS: Readonly<Record<string, Operation>> = {
  S: (m) => m.pushNew(readQuoted(m.cursor)),
  T: (m) => m.pushNew(narrowOldString(m.cursor.take(m.cursor.i32()))),
  U: (m) => m.pushNew(narrowOldString(m.cursor.take(m.cursor.u8()))),
  V: (m) => m.pushNew(readEscapedText(m.cursor)),
  X: (m) => m.pushNew(decodeText(m.cursor.take(m.cursor.u32()))),
  '\x8c': (m) => m.pushNew(decodeText(m.cursor.take(m.cursor.u8()))),
  '\x8d': (m) => m.pushNew(decodeText(m.cursor.take(m.cursor.u64()))),
  B: (m) => m.pushNew(m.cursor.take(m.cursor.u32())),
  C: (m) => m.pushNew(m.cursor.take(m.cursor.u8())),
  '\x8e': (m) => m.pushNew(m.cursor.take(m.cursor.u64())),
  '\x96': (m) => m.pushNew(m.cursor.take(m.cursor.u64())),
};

const CONTAINERS: Readonly<Record<string, Operation>> = {
  ']': (m) => m.pushNew({ kind: 'list', items: [] }),
  l: (m) => m.pushNew({ kind: 'list', items: m.popToMark() }),
  a: (m) => append(m, [m.pop()]),
  e: (m) => append(m, m.popToMark()),
  ')': (m) => m.pushNew({ kind: 'tuple', items: [] }),
  t: (m) => m.pushNew({ kind: 'tuple', items: m.popToMark() }),
  '\x85': (m) => pushTuple(m, 1),
  '\x86': (m) => pushTuple(m, 2),
  '\x87': (m) => pushTuple(m, 3),
  '}': (m) => m.pushNew({ kind: 'dict', entries: [] }),
  d: (m) => m.pushNew({ kind: 'dict', entries: m.pairs(m.popToMark()) }),
  s: (m) => store(m, [m.pop(), m.pop()].reverse()),
  u: (m) => store(m, m.popToMark()),
  '\x8f': (m) => m.pushNew({ kind: 'set', items: [] }),
  '\x90': (m) => append(m, m.popToMark()),
  '\x91': (m) => m.pushNew({ kind: 'set', items: m.popToMark() }),
};

const OBJECTS: Readonly<Record<string, Operation>> = {
  c: (m) => pushGlobal(m, m.cursor.line(), m.cursor.line()),
  '\x93': pushStackGlobal,
  // Extension codes name a class by a number of a registry that is not in the file.
  '\x82': (m) => pushGlobal(m, 'copyreg.extension', String(m.cursor.u8())),
  '\x83': (m) => pushGlobal(m, 'copyreg.extension', String(m.cursor.u16())),
  '\x84': (m) => pushGlobal(m, 'copyreg.extension', String(m.cursor.i32())),
  R: reduce,
  '\x81': reduce,
  '\x92': reduceWithKeywords,
  i: (m) => pushInstance(m, m.cursor.line(), m.cursor.line()),
  o: pushObjectFromMark,
  b: build,
  P: (m) => m.pushPersistent(m.cursor.line()),
  Q: (m) => m.pushPersistent(m.pop()),
};

const STACK: Readonly<Record<string, Operation>> = {
  '(': (m) => m.mark(),
  '0': (m) => m.drop(),
  '1': (m) => void m.popToMark(),
  '2': (m) => m.push(m.top()),
  g: (m) => m.recall(readIndex(m.cursor)),
  h: (m) => m.recall(m.cursor.u8()),
  j: (m) => m.recall(m.cursor.u32()),
  p: (m) => m.memoize(readIndex(m.cursor)),
  q: (m) => m.memoize(m.cursor.u8()),
  r: (m) => m.memoize(m.cursor.u32()),
  '\x94': (m) => m.memoizeNext(),
  '\x80': checkProtocol,
  '\x95': checkFrame,
};

/** The operation of each opcode byte (Python's `pickletools` lists them); a hole is no opcode. */
export const OPERATIONS: readonly (Operation | undefined)[] = tabulate([NUMBERS, STRINGS, CONTAINERS, OBJECTS, STACK]);

function tabulate(groups: readonly Readonly<Record<string, Operation>>[]): readonly (Operation | undefined)[] {
  const table: (Operation | undefined)[] = new Array(256).fill(undefined);
  for (const group of groups) {
    for (const [opcode, operation] of Object.entries(group)) table[opcode.charCodeAt(0)] = operation;
  }
  return table;
}

function pushTuple(machine: Machine, length: number): void {
  const items: PickleValue[] = [];
  for (let i = 0; i < length; i++) items.push(machine.pop());
  machine.pushNew({ kind: 'tuple', items: items.reverse() });
}

function append(machine: Machine, values: readonly PickleValue[]): void {
  const node = machine.topNode('a list');
  if (!('items' in node) || node.kind === 'tuple')
    throw machine.cursor.broken('values must be appended to a list or set');
  for (const value of values) node.items.push(value);
}

function store(machine: Machine, values: readonly PickleValue[]): void {
  const node: PickleDict | PickleSequence | object = machine.topNode('a dict');
  if (!('entries' in node)) throw machine.cursor.broken('keys must be stored into a dict');
  for (const pair of machine.pairs(values)) node.entries.push(pair);
}

function pushGlobal(machine: Machine, module: string, name: string): void {
  machine.pushNew({ kind: 'global', module, name });
}

function pushStackGlobal(machine: Machine): void {
  const name = machine.pop();
  const module = machine.pop();
  if (typeof name !== 'string' || typeof module !== 'string')
    throw machine.cursor.broken('a global must be named by texts');
  pushGlobal(machine, module, name);
}

/** REDUCE and NEWOBJ: a call, which is recorded and never made. */
function reduce(machine: Machine): void {
  const args = popArguments(machine);
  machine.pushObject(machine.pop(), args);
}

/** NEWOBJ_EX: keyword arguments are recorded as one more argument. */
function reduceWithKeywords(machine: Machine): void {
  const keywords = machine.pop();
  const args = popArguments(machine);
  machine.pushObject(machine.pop(), [...args, keywords]);
}

function popArguments(machine: Machine): readonly PickleValue[] {
  const node = asNode(machine.pop());
  if (node?.kind !== 'tuple') throw machine.cursor.broken('the arguments of a call must be a tuple');
  return node.items;
}

function pushInstance(machine: Machine, module: string, name: string): void {
  machine.pushObject({ kind: 'global', module, name }, machine.popToMark());
}

function pushObjectFromMark(machine: Machine): void {
  const [callee, ...args] = machine.popToMark();
  if (callee === undefined) throw machine.cursor.broken('an object must have a class');
  machine.pushObject(callee, args);
}

function build(machine: Machine): void {
  const state = machine.pop();
  const node = machine.topNode('an object');
  if (node.kind !== 'object') throw machine.cursor.broken('a state must be given to an object');
  node.state = state;
}

function checkProtocol(machine: Machine): void {
  const protocol = machine.cursor.u8();
  if (protocol > HIGHEST_PROTOCOL) throw machine.cursor.broken(`the protocol must be at most ${HIGHEST_PROTOCOL}`);
}

function checkFrame(machine: Machine): void {
  const byteLength = machine.cursor.u64();
  if (byteLength > machine.cursor.bytes.byteLength - machine.cursor.position) throw machine.cursor.truncated();
}
