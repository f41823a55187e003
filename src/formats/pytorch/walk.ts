import { badFile } from '../bad-file.ts';
import type { FormatName } from '../format.ts';
import {
  asNode,
  asPairs,
  asText,
  asTextMap,
  classOf,
  type PickleNode,
  type PickleObject,
  type PickleValue,
} from '../pickle/index.ts';
import type { UnreadTensor } from './rebuild.ts';
import type { StoredTensor } from './stored-tensor.ts';

/** A tensor at its place among the file's values. */
export interface FoundTensor {
  readonly path: readonly string[];
  /** How many leading parts of the path only say where in the file: keys of dicts, before any module begins. */
  readonly wrapperLength: number;
  /** What its surroundings say: `optimizer` below one, `state` for attributes that no module registers. */
  readonly hint?: 'optimizer' | 'state';
  readonly tensor: StoredTensor | UnreadTensor;
}

/** Values nest deeper in no checkpoint; Python's own pickler stops near this depth. */
const MAX_DEPTH = 500;
/** Shared values may be met again and again: by all paths together no more often than this, times the pickle's length. */
const VISITS_PER_BYTE = 4;
/** Longer names are a construction: paths through shared keys can be made much longer than the file. */
const MAX_NAME_LENGTH = 4096;

const OPTIMIZER_KEY =
  /^(\w*_)?(optimi[sz]ers?|optim|opt|opts|(lr_)?schedulers?|grad_scaler|loss_scaler|scaler)(_\w*)?$/i;

interface Place {
  readonly path: readonly string[];
  readonly wrapperLength: number;
  readonly hint?: 'optimizer' | 'state';
}

interface Child {
  readonly place: Place;
  readonly value: PickleValue;
}

/**
 * Finds all tensors of a pickled value: in dicts and lists, in modules without their class (by the `_parameters`, `_buffers` and
 * `_modules` of their state), in scripted modules and in other objects' attributes. Values that lie on their own path are not entered.
 *
 * @param findTensor says which values are tensors
 * @throws BadFileError when the value nests too deep or unfolds beyond all proportion to the pickle.
 */
export async function collectTensors(
  format: FormatName,
  root: PickleValue,
  pickleByteLength: number,
  findTensor: (value: PickleValue) => Promise<StoredTensor | UnreadTensor | undefined>,
): Promise<readonly FoundTensor[]> {
  const found: FoundTensor[] = [];
  const onPath = new Set<PickleNode>();
  /** Values that hold no tensor: not entered again. */
  const barren = new Set<PickleNode>();
  let visitsLeft = 1000 + VISITS_PER_BYTE * pickleByteLength;

  async function visit(value: PickleValue, place: Place): Promise<void> {
    const node = asNode(value);
    if (node === undefined || node.kind === 'global' || barren.has(node) || onPath.has(node)) return;
    visitsLeft -= 1;
    if (visitsLeft < 0) throw badFile(format, 'values must not be shared so that they unfold beyond the file');
    if (onPath.size >= MAX_DEPTH) throw badFile(format, `values must not nest deeper than ${MAX_DEPTH} levels`);
    const tensor = await findTensor(node);
    if (tensor !== undefined) found.push({ ...place, path: nameable(place.path), tensor });
    else await visitChildren(node, place);
  }

  async function visitChildren(node: PickleNode, place: Place): Promise<void> {
    const before = found.length;
    onPath.add(node);
    for (const child of childrenOf(node, place)) await visit(child.value, child.place);
    onPath.delete(node);
    if (found.length === before) barren.add(node);
  }

  function nameable(path: readonly string[]): readonly string[] {
    const length = path.reduce((sum, part) => sum + part.length + 1, 0);
    if (length > MAX_NAME_LENGTH) throw badFile(format, `names must not be longer than ${MAX_NAME_LENGTH} characters`);
    return path;
  }

  await visit(root, { path: [], wrapperLength: 0 });
  return found;
}

function childrenOf(node: PickleNode, place: Place): readonly Child[] {
  switch (node.kind) {
    case 'global':
    case 'persistent':
      return [];
    case 'dict':
      return pairChildren(node, place);
    case 'list':
    case 'tuple':
    case 'set':
      return itemChildren(node.items, place);
    case 'object':
      return objectChildren(node, place);
  }
}

/** A step into a container that only says where something is. */
function wrapped(place: Place, key: string): Place {
  const isOptimizer = OPTIMIZER_KEY.test(key) && place.wrapperLength === place.path.length;
  const wrapperLength = place.wrapperLength + Number(place.wrapperLength === place.path.length);
  return {
    ...place,
    path: [...place.path, key],
    wrapperLength,
    ...(isOptimizer ? { hint: 'optimizer' as const } : {}),
  };
}

/** A step into a part of a module: its name belongs to the tensor. */
function inside(place: Place, key: string, hint?: 'state'): Place {
  const path = [...place.path, key];
  return hint === undefined || place.hint !== undefined ? { ...place, path } : { ...place, path, hint };
}

function pairChildren(node: PickleNode, place: Place): readonly Child[] {
  const children = new Map<string, Child>();
  (asPairs(node) ?? []).forEach(([key, value], i) => {
    const name = typeof key === 'number' ? String(key) : (asText(key) ?? String(i));
    children.set(name, { place: wrapped(place, name), value });
  });
  return [...children.values()];
}

function itemChildren(items: readonly PickleValue[], place: Place): readonly Child[] {
  const children: Child[] = [];
  items.forEach((value, i) => {
    if (asNode(value) !== undefined) children.push({ place: wrapped(place, String(i)), value });
  });
  return children;
}

function objectChildren(node: PickleObject, place: Place): readonly Child[] {
  const owner = classOf(node);
  const module = owner?.module ?? '';
  if (module.startsWith('torch.optim')) return plainChildren(node, { ...place, hint: 'optimizer' });
  const state = asTextMap(node.state);
  if (state !== undefined && (state.has('_parameters') || state.has('_modules'))) return moduleChildren(state, place);
  if (owner !== undefined && /PackedParams$/.test(owner.name)) return packedChildren(node, place);
  const isScripted = state !== undefined && module.startsWith('__torch__');
  return isScripted
    ? [...state].map(([key, value]) => ({ place: inside(place, key), value }))
    : plainChildren(node, place);
}

/** Quantised layers keep a tuple of weight and bias in an attribute; they are named as the layer's own. */
function packedChildren(node: PickleObject, place: Place): readonly Child[] {
  const state = asNode(node.state);
  const [weight = null, bias = null] = state?.kind === 'tuple' ? state.items : [];
  const layer = { ...place, path: place.path.slice(0, -1) };
  return [
    { place: inside(layer, 'weight'), value: weight },
    { place: inside(layer, 'bias'), value: bias },
  ];
}

/** The parts of a pickled `torch.nn.Module`, in the order of its `state_dict`, then what it does not register. */
function moduleChildren(state: ReadonlyMap<string, PickleValue>, place: Place): readonly Child[] {
  const children: Child[] = [];
  const temporary = new Set(itemTexts(state.get('_non_persistent_buffers_set')));
  for (const group of ['_parameters', '_buffers', '_modules']) {
    for (const [key, value] of asTextMap(state.get(group)) ?? []) {
      const isState = group === '_buffers' && temporary.has(key);
      children.push({ place: inside(place, key, isState ? 'state' : undefined), value });
    }
  }
  for (const [key, value] of state) {
    if (!/^_(parameters|buffers|modules)$/.test(key)) children.push({ place: inside(place, key, 'state'), value });
  }
  return children;
}

function itemTexts(value: PickleValue | undefined): readonly string[] {
  const node = asNode(value);
  if (node === undefined || !('items' in node)) return [];
  const items = node.kind === 'object' ? [...node.items, ...listArgument(node)] : node.items;
  return items.map(asText).filter((text) => text !== undefined);
}

/** Protocol 2 writes a set as a call with a list. */
function listArgument(node: PickleObject): readonly PickleValue[] {
  const argument = asNode(node.args[0]);
  return argument?.kind === 'list' ? argument.items : [];
}

/** Everything that an object of an unknown class was made with. A single argument that is a container stands for the object. */
function plainChildren(node: PickleObject, place: Place): readonly Child[] {
  if (asPairs(node) !== undefined) return [...pairChildren(node, place), ...stateChildren(node, place)];
  const [only] = node.args;
  const args: readonly Child[] =
    node.args.length <= 2 && asNode(only) !== undefined && only !== undefined
      ? [{ place, value: only }]
      : itemChildren(node.args, place);
  return [...args, ...itemChildren(node.items, place), ...stateChildren(node, place)];
}

/** Attributes: a dict, or with `__slots__` a pair of dicts; anything else is a value of its own. */
function stateChildren(node: PickleObject, place: Place): readonly Child[] {
  const state = asNode(node.state);
  if (state === undefined) return [];
  if (state.kind !== 'tuple') return [{ place, value: state }];
  const isSlots = state.items.every((item) => item === null || asPairs(item) !== undefined);
  return isSlots ? state.items.map((value) => ({ place, value })) : itemChildren(state.items, place);
}
