import type { ModuleTree } from './module-tree.ts';
import { type AxisRef, baseName, hasRunningStatistics, isWeighted, type Module } from './modules.ts';

/** One layer read by the next: a hidden space between them. */
export interface Link {
  readonly producer: Module;
  readonly consumer: Module;
  /** The out axes of the producer, and of what passes its units on: norms, depthwise convolutions, slopes. */
  readonly axes: readonly AxisRef[];
  readonly passed: readonly Module[];
  /** Inputs of the consumer a unit: the pixels of a channel where a convolution is flattened, otherwise 1. */
  readonly fold: number;
}

/** How many layers write units of a size: linear ones, and others. */
interface LayerCount {
  linear: number;
  other: number;
}

/** The layers of a model that its chain has not still to come to, counted by the sizes they write. Made only where it is asked for. */
class LayersElsewhere {
  readonly #tree: ModuleTree;
  readonly #items: readonly (Module | undefined)[];
  #lastAt = new Map<Module | undefined, number>();
  #counts: Map<number, LayerCount> | undefined;
  #at = 0;

  constructor(tree: ModuleTree, items: readonly (Module | undefined)[]) {
    this.#tree = tree;
    this.#items = items;
  }

  /** All but those from the item of this index on; indices never go down, so that a chain is counted through once. */
  before(index: number): ReadonlyMap<number, LayerCount> {
    this.#counts ??= this.#countStrangers();
    for (; this.#at < index; this.#at += 1) {
      const item = this.#items[this.#at];
      if (item && this.#lastAt.get(item) === this.#at && this.#tree.modules.get(item.path) === item)
        count(this.#counts, item, 1);
    }
    return this.#counts;
  }

  #countStrangers(): Map<number, LayerCount> {
    this.#lastAt = new Map(this.#items.map((item, i) => [item, i]));
    const counts = new Map([...countAll(this.#tree)].map(([size, known]) => [size, { ...known }]));
    for (const item of this.#lastAt.keys()) {
      if (item && this.#tree.modules.get(item.path) === item) count(counts, item, -1);
    }
    return counts;
  }
}

const totals = new WeakMap<ModuleTree, ReadonlyMap<number, LayerCount>>();

/** All layers of a model: a model of many blocks has many chains, and is counted once. */
function countAll(tree: ModuleTree): ReadonlyMap<number, LayerCount> {
  const known = totals.get(tree);
  if (known) return known;
  const counts = new Map<number, LayerCount>();
  for (const module of tree.modules.values()) count(counts, module, 1);
  totals.set(tree, counts);
  return counts;
}

function count(counts: Map<number, LayerCount>, module: Module, step: 1 | -1): void {
  if (!isWeighted(module)) return;
  const known = counts.get(module.writes) ?? { linear: 0, other: 0 };
  known[module.kind === 'linear' ? 'linear' : 'other'] += step;
  counts.set(module.writes, known);
}

interface State {
  readonly producer: Module;
  readonly axes: readonly AxisRef[];
  readonly passed: readonly Module[];
}

/**
 * Links modules that run one after the other; `undefined` stands for one that cannot be told. Whatever does not surely fit ends the chain, which
 * goes on with the next module that writes units of its own.
 */
export function chainModules(tree: ModuleTree, items: readonly (Module | undefined)[]): Link[] {
  const links: Link[] = [];
  const elsewhere = new LayersElsewhere(tree, items);
  let state: State | undefined;
  for (const [i, item] of items.entries()) {
    const link = item && state ? linkTo(state, item) : undefined;
    if (link) links.push(link);
    state = item && nextState(item, state, link !== undefined, () => elsewhere.before(i));
  }
  return links;
}

function linkTo(state: State, item: Module): Link | undefined {
  if (item.kind !== 'linear' && item.kind !== 'conv') return undefined;
  const fold = foldOf(state.producer, item);
  return fold === undefined ? undefined : { ...state, consumer: item, fold };
}

/** Inputs of `consumer` a unit of `producer`, if it can read it: equal sizes, or a linear layer after a convolution on a square of pixels. */
function foldOf(producer: Module, consumer: Module): number | undefined {
  const size = producer.writes;
  if (size < 2) return undefined;
  if (consumer.reads === size) return 1;
  const isFlattened = producer.kind !== 'linear' && consumer.kind === 'linear' && consumer.reads % size === 0;
  const fold = consumer.reads / size;
  return isFlattened && Math.round(Math.sqrt(fold)) ** 2 === fold ? fold : undefined;
}

/** The layers that have been, or are elsewhere in the model, by the sizes they write. */
type Others = () => ReadonlyMap<number, LayerCount>;

function nextState(item: Module, state: State | undefined, isLinked: boolean, others: Others): State | undefined {
  if (item.kind === 'norm' || item.kind === 'vector') return passThrough(item, state);
  if (item.kind === 'depthwise') return passDepthwise(item, state, others);
  if (item.kind !== 'linear' && item.kind !== 'conv') return undefined;
  if (item.kind === 'conv' && !isLinked && mayBeGrouped(item, state, others)) return undefined;
  return { producer: item, axes: item.outAxes, passed: [] };
}

function passThrough(item: Module, state: State | undefined): State | undefined {
  if (item.writes === 1) return state;
  if (!state || item.writes !== state.producer.writes || mayBeGroupNorm(item, state.producer)) return undefined;
  return { ...state, axes: [...state.axes, ...item.outAxes], passed: [...state.passed, item] };
}

/** A norm without running statistics may act on blocks of channels, unless it is called a layer norm and follows a linear layer. */
function mayBeGroupNorm(item: Module, producer: Module): boolean {
  if (item.kind !== 'norm' || hasRunningStatistics(item)) return false;
  return !(producer.kind === 'linear' && /(^ln|layer_?norm)/i.test(baseName(item.path)));
}

function passDepthwise(item: Module, state: State | undefined, others: Others): State | undefined {
  const isSquare = new Set(item.kernel).size === 1;
  if (state && state.producer.writes === item.writes && isSquare) {
    return { ...state, axes: [...state.axes, ...item.outAxes], passed: [...state.passed, item] };
  }
  const isFirst = state === undefined && !mayReadChannels(item, others);
  return isFirst || state?.producer.writes === 1 ? { producer: item, axes: item.outAxes, passed: [] } : undefined;
}

/** Whether some convolution before this module could feed it as a depthwise one; nothing later in its own chain can. */
function mayReadChannels(item: Module, others: Others): boolean {
  return [...others()].some(([size, { linear, other }]) => {
    if (size < 2 || linear + other === 0) return false;
    return size === item.writes || (other > 0 && item.writes % size === 0);
  });
}

/** A convolution whose input is not known may be grouped: then its outputs are tied in blocks. */
function mayBeGrouped(item: Module, state: State | undefined, others: Others): boolean {
  const before = state ? [state.producer.writes] : [];
  const sizes = [...others()].flatMap(([size, { other }]) => (other > 0 ? [size] : []));
  if (sizes.includes(item.reads) && !before.some((size) => size > item.reads)) return false;
  return [...before, ...sizes].some((size) => {
    const groups = size / item.reads;
    return groups > 1 && Number.isInteger(groups) && item.writes % groups === 0;
  });
}
