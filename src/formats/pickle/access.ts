import { asNode, type PickleGlobal, type PickleNode, type PicklePair, type PickleValue } from './value.ts';

/** The text of a value; Python 2's byte strings are read as UTF-8. `undefined` for anything else. */
export function asText(value: PickleValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : undefined;
}

/** The bytes of a value, also where protocol 2 wrote them as a call of `_codecs.encode`. */
export function asBytes(value: PickleValue | undefined): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return new Uint8Array(Buffer.from(value, 'latin1'));
  const node = asNode(value);
  if (node?.kind !== 'object') return undefined;
  if (isGlobal(node.callee, '_codecs', 'encode')) return asBytes(plainText(node.args[0]));
  return node.args.length === 0 && /^(bytes|bytearray)$/.test(globalOf(node.callee)?.name ?? '')
    ? new Uint8Array(0)
    : undefined;
}

function plainText(value: PickleValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A count, offset or size: a safe integer of at least 0. */
export function asCount(value: PickleValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** The items of a list, tuple, set, or of an object that values were appended to. */
export function asItems(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  const node = asNode(value);
  return node !== undefined && 'items' in node && node.kind !== 'object' ? node.items : undefined;
}

export function globalOf(value: PickleValue | undefined): PickleGlobal | undefined {
  const node = asNode(value);
  return node?.kind === 'global' ? node : undefined;
}

export function isGlobal(value: PickleValue | undefined, module: string, name: string): boolean {
  const global = globalOf(value);
  return global?.module === module && global.name === name;
}

/** The class or function that an object is made with; for protocol 0 and 1 the class given to `_reconstructor`. */
export function classOf(node: PickleNode): PickleGlobal | undefined {
  if (node.kind !== 'object') return undefined;
  const callee = globalOf(node.callee);
  const isReconstructor = callee?.name === '_reconstructor' || callee?.name === '__newobj__';
  return isReconstructor ? globalOf(node.args[0]) : callee;
}

/** The pairs of a dict, an OrderedDict (also as Python 2 wrote it) or another mapping; `undefined` when it is none. */
export function asPairs(value: PickleValue | undefined): readonly PicklePair[] | undefined {
  const node = asNode(value);
  if (node?.kind === 'dict') return node.entries;
  if (node?.kind !== 'object') return undefined;
  if (node.entries.length > 0) return node.entries;
  return isMappingClass(classOf(node)) ? (pairsOfList(node.args[0]) ?? []) : undefined;
}

function isMappingClass(global: PickleGlobal | undefined): boolean {
  return global !== undefined && /^(OrderedDict|defaultdict|dict|Counter)$/.test(global.name);
}

function pairsOfList(value: PickleValue | undefined): readonly PicklePair[] | undefined {
  const pairs: PicklePair[] = [];
  for (const item of asItems(value) ?? []) {
    const [key, member] = asItems(item) ?? [];
    if (key === undefined || member === undefined) return undefined;
    pairs.push([key, member]);
  }
  return pairs;
}

/** A mapping by text key: of equal keys the last counts, at the place of the first, as in Python; integer keys become decimal. */
export function asTextMap(value: PickleValue | undefined): ReadonlyMap<string, PickleValue> | undefined {
  const pairs = asPairs(value);
  if (pairs === undefined) return undefined;
  const map = new Map<string, PickleValue>();
  for (const [key, member] of pairs) {
    const name = typeof key === 'number' ? String(key) : asText(key);
    if (name !== undefined) map.set(name, member);
  }
  return map;
}
