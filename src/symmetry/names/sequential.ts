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
  return links.flatMap((link) => {
    const producer = items.find((item) => item.module === link.producer)?.child ?? '';
    const consumer = items.find((item) => item.module === link.consumer)?.child ?? '';
    if (producer === consumer) return []; // proposed where the nested Sequential itself is visited
    const reason = objection(tree, path, items, producer, consumer);
    if (reason === undefined) return [{ rule: 'sequential', parent: path, link, isMerge: false, isGated: false }];
    refuse(path, reason);
    return [];
  });
}

function objection(
  tree: ModuleTree,
  path: string,
  items: readonly SequentialItem[],
  producer: string,
  consumer: string,
): string | undefined {
  const own = items.flatMap(({ child, module }) => (module && module.path === joinPath(path, child) ? [module] : []));
  const isSequential = own.length > 0 && (hasGap(tree, path) || hasOwnNorm(own));
  if (PARALLEL_NAME.test(baseName(path)) && !hasGap(tree, path)) return 'its name speaks of modules side by side';
  if (isSequential) return undefined;
  const [first, second] = [endsOf(items, producer), endsOf(items, consumer)];
  const isChain =
    first !== undefined && second !== undefined && first.reads !== second.reads && second.reads !== second.writes;
  const isOneClass = own.length > 0 || tree.repeated.has(path);
  return isChain && isOneClass && allFit(items)
    ? undefined
    : 'it may be a list of modules side by side or with skip connections';
}

/** Missing numbers are activations and the like: only a Sequential has those. */
function hasGap(tree: ModuleTree, path: string): boolean {
  const numbers = (tree.children.get(path) ?? []).map(Number);
  return numbers.some((number, i) => number !== i);
}

function hasOwnNorm(own: readonly Module[]): boolean {
  return own.some((m) => m.kind === 'norm') && own.some(isWeighted);
}

function endsOf(
  items: readonly SequentialItem[],
  child: string,
): { readonly reads: number; readonly writes: number } | undefined {
  const layers = items.flatMap(({ child: c, module }) => (c === child && module && isWeighted(module) ? [module] : []));
  const [first, last] = [layers[0], layers.at(-1)];
  if (!first || !last) return undefined;
  return { reads: first.kind === 'depthwise' ? first.writes : first.reads, writes: last.writes };
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
