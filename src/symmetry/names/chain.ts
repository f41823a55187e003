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

/** The modules from one on. Made only where it is asked for: a model may have 100,000. */
type Rest = () => ReadonlySet<Module | undefined>;

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
  let state: State | undefined;
  for (const [i, item] of items.entries()) {
    const link = item && state ? linkTo(state, item) : undefined;
    if (link) links.push(link);
    state = item && nextState(tree, item, state, link !== undefined, () => new Set(items.slice(i)));
  }
  return links;
}

function linkTo(state: State, item: Module): Link | undefined {
  if (item.kind !== 'linear' && item.kind !== 'conv') return undefined;
  const fold = foldOf(state.producer, item);
  return fold === undefined ? undefined : { ...state, consumer: item, fold };
}

/** Inputs of `consumer` a unit of `producer`, if it can read it: equal sizes, or a linear layer after a convolution on a square of pixels. */
export function foldOf(producer: Module, consumer: Module): number | undefined {
  const size = producer.writes;
  if (size < 2) return undefined;
  if (consumer.reads === size) return 1;
  const isFlattened = producer.kind !== 'linear' && consumer.kind === 'linear' && consumer.reads % size === 0;
  const fold = consumer.reads / size;
  return isFlattened && Math.round(Math.sqrt(fold)) ** 2 === fold ? fold : undefined;
}

function nextState(
  tree: ModuleTree,
  item: Module,
  state: State | undefined,
  isLinked: boolean,
  rest: Rest,
): State | undefined {
  if (item.kind === 'norm' || item.kind === 'vector') return passThrough(item, state);
  if (item.kind === 'depthwise') return passDepthwise(tree, item, state, rest);
  if (item.kind !== 'linear' && item.kind !== 'conv') return undefined;
  if (item.kind === 'conv' && !isLinked && mayBeGrouped(tree, item, state, rest)) return undefined;
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

function passDepthwise(tree: ModuleTree, item: Module, state: State | undefined, rest: Rest): State | undefined {
  const isSquare = new Set(item.kernel).size === 1;
  if (state && state.producer.writes === item.writes && isSquare) {
    return { ...state, axes: [...state.axes, ...item.outAxes], passed: [...state.passed, item] };
  }
  const isFirst = state === undefined && !mayReadChannels(tree, item, rest);
  return isFirst || state?.producer.writes === 1 ? { producer: item, axes: item.outAxes, passed: [] } : undefined;
}

/** Whether some convolution before this module could feed it as a depthwise one; nothing later in its own chain can. */
function mayReadChannels(tree: ModuleTree, item: Module, rest: Rest): boolean {
  const later = rest();
  return [...tree.modules.values()].some((m) => {
    if (later.has(m) || !isWeighted(m) || m.writes < 2) return false;
    return m.writes === item.writes || (m.kind !== 'linear' && item.writes % m.writes === 0);
  });
}

/** A convolution whose input is not known may be grouped: then its outputs are tied in blocks. */
function mayBeGrouped(tree: ModuleTree, item: Module, state: State | undefined, rest: Rest): boolean {
  const before = state ? [state.producer] : [];
  const later = rest();
  const others = [...tree.modules.values()].filter((m) => isWeighted(m) && m.kind !== 'linear' && !later.has(m));
  if (others.some((m) => m.writes === item.reads) && !before.some((m) => m.writes > item.reads)) return false;
  return [...before, ...others].some((m) => {
    const groups = m.writes / item.reads;
    return groups > 1 && Number.isInteger(groups) && item.writes % groups === 0;
  });
}
