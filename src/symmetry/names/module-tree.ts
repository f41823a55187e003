import { groupBy } from '../group-by.ts';
import { asConv1d, baseName, classifyModule, joinPath, type Module, parentPath } from './modules.ts';
import { compareNaturally, isNumber } from './natural-order.ts';

/** A checkpoint's tensors as a tree of modules, by the dots in their names. */
export interface ModuleTree {
  readonly modules: ReadonlyMap<string, Module>;
  /** Names of the children of every inner path, in natural order. */
  readonly children: ReadonlyMap<string, readonly string[]>;
  /** Paths of which the file has several instances: see {@link repeatedPaths}. */
  readonly repeated: ReadonlySet<string>;
  /** Whether the file's order says anything: a container that sorts its names loses it. */
  readonly isOrdered: boolean;
}

export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** No model nests its modules deeper. */
const MAX_DEPTH = 64;

/** Whether a name says where its module is; one with nothing between two dots (`../w`, `.w`) would put a module into itself. */
function isModuleName(name: string): boolean {
  const parts = name.split('.', MAX_DEPTH + 1);
  return parts.length <= MAX_DEPTH && parts.every((part) => part !== '');
}

/** Groups tensors into modules and tells what each is. Tensors of names that say nothing are left out. */
export function moduleTree(tensors: readonly NamedShape[]): ModuleTree {
  const parts = new Map<string, Map<string, readonly number[]>>();
  for (const { name, shape } of tensors.filter((t) => t.shape.length > 0 && isModuleName(t.name))) {
    const path = parentPath(name);
    parts.set(path, (parts.get(path) ?? new Map()).set(baseName(name), shape));
  }
  const found = [...parts].map(([path, shapes], position) => classifyModule(path, shapes, position));
  const settled = settleConv1d(found);
  const convolutions = groupBy(settled.filter(isRectangular), (module) => parentPath(module.path));
  const withoutDoubt = settled.map((module) => doubt(module, convolutions.get(parentPath(module.path)) ?? []));
  const modules = new Map(withoutDoubt.map((module) => [module.path, module]));
  const children = childrenOf(modules);
  const isOrdered = tensors.some(({ name }, i) => i > 0 && name < (tensors[i - 1]?.name ?? ''));
  return { modules, children, repeated: repeatedPaths(children), isOrdered };
}

/**
 * Layers called c_attn, c_fc and c_proj keep (out, in), or (in, out) as GPT-2 first did: the fused c_attn, three times as long on the side of what it
 * writes, tells which for all of the file. Without one, or with several that disagree, they stay untold.
 */
function settleConv1d(modules: readonly Module[]): readonly Module[] {
  const sides = new Set(modules.filter((m) => baseName(m.path) === 'c_attn').map(outSideOfFused));
  const [out] = sides;
  return out === undefined || sides.size > 1 ? modules : modules.map((module) => asConv1d(module, out));
}

function outSideOfFused({ tensors }: Module): 0 | 1 | undefined {
  const [rows = 0, columns = 0] = tensors.get('weight') ?? [];
  if (rows === 3 * columns) return 0;
  return columns === 3 * rows ? 1 : undefined;
}

/**
 * A square convolution says nothing about which of its axes is out. Beside a transposed sibling, or with an even kernel and no rectangular sibling
 * that settles it, it may be transposed too.
 */
function doubt(module: Module, siblings: readonly Module[]): Module {
  if (module.kind !== 'conv' || module.reads !== module.writes) return module;
  const isTransposed = siblings.some((m) => m.inAxes[0]?.axis === 0);
  const isEven = module.kernel.some((size) => size % 2 === 0);
  return isTransposed || (isEven && siblings.length === 0) ? { ...module, kind: 'ambiguous' } : module;
}

function isRectangular(module: Module): boolean {
  return module.kind === 'conv' && module.reads !== module.writes;
}

function childrenOf(modules: ReadonlyMap<string, Module>): Map<string, string[]> {
  const children = new Map<string, Set<string>>();
  for (const path of modules.keys()) {
    const parts = path === '' ? [] : path.split('.');
    for (const [i, part] of parts.entries()) {
      const parent = parts.slice(0, i).join('.');
      children.set(parent, (children.get(parent) ?? new Set()).add(part));
    }
  }
  return new Map([...children].map(([path, names]) => [path, [...names].sort(compareNaturally)]));
}

const below = new WeakMap<ModuleTree, ReadonlyMap<string, readonly Module[]>>();

function listBelow(tree: ModuleTree): ReadonlyMap<string, readonly Module[]> {
  const lists = new Map<string, Module[]>();
  for (const module of tree.modules.values()) {
    for (let path = module.path; ; path = parentPath(path)) {
      const list = lists.get(path) ?? [];
      list.push(module);
      lists.set(path, list);
      if (path === '') break;
    }
  }
  return lists;
}

/** The modules at a path and below it, in the file's order. */
export function modulesUnder(tree: ModuleTree, path: string): readonly Module[] {
  const lists = below.get(tree) ?? listBelow(tree);
  below.set(tree, lists);
  return lists.get(path) ?? [];
}

/** The module that is a leaf child: it has tensors and no children of its own. */
export function leafChild(tree: ModuleTree, parent: string, child: string): Module | undefined {
  const path = joinPath(parent, child);
  return tree.children.has(path) ? undefined : tree.modules.get(path);
}

/** Whether every child of a path is a bare number: a Sequential, or a list. */
export function isNumbered(tree: ModuleTree, path: string): boolean {
  const names = tree.children.get(path) ?? [];
  return names.length > 0 && names.every(isNumber);
}

/** Paths that differ from another by numbers only and have the same children: instances of one class, which has a forward of its own. */
function repeatedPaths(children: ReadonlyMap<string, readonly string[]>): Set<string> {
  const signature = (path: string) => `${path.replace(/\d+/g, '#')}:${(children.get(path) ?? []).join()}`;
  const counts = new Map<string, number>();
  for (const path of children.keys()) counts.set(signature(path), (counts.get(signature(path)) ?? 0) + 1);
  return new Set([...children.keys()].filter((path) => /\d/.test(path) && (counts.get(signature(path)) ?? 0) > 1));
}
