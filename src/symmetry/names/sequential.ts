import { chainModules } from './chain.ts';
import { isNumbered, leafChild, type ModuleTree } from './module-tree.ts';
import { baseName, isWeighted, joinPath, type Module } from './modules.ts';
import { PARALLEL_NAME, type Proposal, type Refuse } from './proposal.ts';

/** A module inside a (nested) Sequential, under the child of the outermost one that it belongs to. */
export interface SequentialItem {
  readonly child: string;
  readonly module: Module | undefined;
}

/** Rule R1: the children of a Sequential run one after the other; those of a bare list may not. */
export function proposeSequentials(tree: ModuleTree, refuse: Refuse): Proposal[] {
  const paths = [...tree.children.keys()].filter((path) => isNumbered(tree, path) && !tree.modules.has(path));
  return paths.flatMap((path) => proposeIn(tree, path, refuse));
}

/** All modules of a Sequential in order, those of nested ones included; what cannot be told is one item without a module. */
export function flattenSequential(tree: ModuleTree, path: string): SequentialItem[] {
  return (tree.children.get(path) ?? []).flatMap((child) => {
    const inner = joinPath(path, child);
    const leaf = leafChild(tree, path, child);
    if (leaf) return [{ child, module: leaf }];
    if (tree.modules.has(inner)) return [{ child, module: undefined }];
    if (isNumbered(tree, inner)) return flattenSequential(tree, inner).map(({ module }) => ({ child, module }));
    return (convWithNorm(tree, inner) ?? [undefined]).map((module) => ({ child, module }));
  });
}

/** A child made of one layer and its norm, the layer first: named so, or by sizes that leave no doubt. */
function convWithNorm(tree: ModuleTree, path: string): readonly [Module, Module] | undefined {
  const names = tree.children.get(path) ?? [];
  if (names.length !== 2 || names.some((name) => !/^(conv|bn|norm|linear|fc)$/.test(name))) return undefined;
  const modules = names.map((name) => leafChild(tree, path, name));
  const layer = modules.find((m) => m !== undefined && isWeighted(m));
  const norm = modules.find((m) => m?.kind === 'norm');
  if (!layer || !norm || norm.writes !== layer.writes) return undefined;
  const isAfter = norm.writes !== layer.reads || (tree.isOrdered && layer.position < norm.position);
  return isAfter ? [layer, norm] : undefined;
}

function proposeIn(tree: ModuleTree, path: string, refuse: Refuse): Proposal[] {
  const items = flattenSequential(tree, path);
  const links = chainModules(
    tree,
    items.map((item) => item.module),
  );
  const childOf = new Map([...items].reverse().map(({ module, child }) => [module, child]));
  const object = objectTo(tree, path, items);
  return links.flatMap((link) => {
    const producer = childOf.get(link.producer) ?? '';
    const consumer = childOf.get(link.consumer) ?? '';
    if (producer === consumer) return []; // proposed where the nested Sequential itself is visited
    const reason = object(producer, consumer);
    if (reason === undefined) return [{ rule: 'sequential', parent: path, link, isMerge: false, isGated: false }];
    refuse(path, reason);
    return [];
  });
}

/** What speaks against a link between two children; what holds for all links is found out once. */
function objectTo(
  tree: ModuleTree,
  path: string,
  items: readonly SequentialItem[],
): (producer: string, consumer: string) => string | undefined {
  const own = items.flatMap(({ child, module }) => (module && module.path === joinPath(path, child) ? [module] : []));
  const isSequential = own.length > 0 && (hasGap(tree, path) || hasOwnNorm(own));
  const isParallel = PARALLEL_NAME.test(baseName(path)) && !hasGap(tree, path);
  const isOneClass = own.length > 0 || tree.repeated.has(path);
  const fits = isOneClass && allFit(items);
  const ends = endsOf(items);
  return (producer, consumer) => {
    if (isParallel) return 'its name speaks of modules side by side';
    if (isSequential) return undefined;
    const [first, second] = [ends.get(producer), ends.get(consumer)];
    const isChain =
      first !== undefined && second !== undefined && first.reads !== second.reads && second.reads !== second.writes;
    return isChain && fits ? undefined : 'it may be a list of modules side by side or with skip connections';
  };
}

/** Missing numbers are activations and the like: only a Sequential has those. */
function hasGap(tree: ModuleTree, path: string): boolean {
  const numbers = (tree.children.get(path) ?? []).map(Number);
  return numbers.some((number, i) => number !== i);
}

function hasOwnNorm(own: readonly Module[]): boolean {
  return own.some((m) => m.kind === 'norm') && own.some(isWeighted);
}

interface Ends {
  readonly reads: number;
  readonly writes: number;
}

/** What the first layer of each child reads, and its last one writes. */
function endsOf(items: readonly SequentialItem[]): ReadonlyMap<string, Ends> {
  const ends = new Map<string, Ends>();
  for (const { child, module } of items) {
    if (!module || !isWeighted(module)) continue;
    const reads = ends.get(child)?.reads ?? (module.kind === 'depthwise' ? module.writes : module.reads);
    ends.set(child, { reads, writes: module.writes });
  }
  return ends;
}

function allFit(items: readonly SequentialItem[]): boolean {
  const layers = items.flatMap(({ module }) => (module && isWeighted(module) ? [module] : []));
  return layers.every((layer, i) => {
    const before = layers[i - 1];
    if (before === undefined) return true;
    const isFlattened = layer.kind === 'linear' && before.kind !== 'linear' && layer.reads % before.writes === 0;
    return (
      before.writes === layer.reads || isFlattened || (layer.kind === 'depthwise' && before.writes === layer.writes)
    );
  });
}
