import { groupBy } from '../group-by.ts';
import type { Family } from './families.ts';
import type { ModuleTree } from './module-tree.ts';
import { baseName, joinPath, type Module } from './modules.ts';

/** Layers with their norms in the order they run. */
export interface Paired {
  readonly sequence: readonly Module[];
  readonly order: 'after' | 'before' | 'none';
}

interface Pair {
  readonly layer: Module;
  readonly norm: Module;
  readonly next: Module | undefined;
}

/**
 * Pairs the norms `bn1`, `bn2` with the layers of their numbers: each after its layer, or before it, as the sizes say; where both fit, as other
 * copies of the class say; then as the file's order says. Undecided, the answer is the reason.
 */
export function pairNorms(tree: ModuleTree, path: string, family: Family, norms: readonly Family[]): Paired | string {
  const layers = new Map(family.members.map(({ number, module }) => [number, module]));
  const all = norms.flatMap((f) => f.members);
  if (all.length === 0) return { sequence: [...layers.values()], order: 'none' };
  const pairs = all.flatMap(({ number, module }) => {
    const layer = layers.get(number);
    return layer ? [{ layer, norm: module, next: layers.get(number + 1) }] : [];
  });
  const isOneToOne = pairs.length === all.length && new Set(all.map(({ number }) => number)).size === all.length;
  if (!isOneToOne) return 'its norms have no layer of their number, or two norms have one';
  const order = orderBySizes(pairs) ?? orderByCopies(tree, path, pairs) ?? orderByPlace(tree, pairs);
  if (order === undefined) return 'its norms may stand before or after their layers';
  const normOf = new Map(pairs.map(({ layer, norm }) => [layer, norm]));
  return { sequence: [...layers.values()].flatMap((layer) => withNorm(layer, normOf.get(layer), order)), order };
}

function withNorm(layer: Module, norm: Module | undefined, order: 'after' | 'before'): Module[] {
  if (!norm) return [layer];
  return order === 'after' ? [layer, norm] : [norm, layer];
}

/** Exactly one of two possibilities decides. Both impossible counts as undecided. */
function choose(after: boolean, before: boolean): 'after' | 'before' | undefined {
  if (after === before) return undefined;
  return after ? 'after' : 'before';
}

function orderBySizes(pairs: readonly Pair[]): 'after' | 'before' | undefined {
  return choose(pairs.every(fitsAfter), pairs.every(fitsBefore));
}

function fitsAfter({ layer, norm }: Pair): boolean {
  return norm.writes === layer.writes;
}

function fitsBefore({ layer, norm }: Pair): boolean {
  return norm.writes === (layer.kind === 'depthwise' ? layer.writes : layer.reads);
}

/** Another instance of the class, with other sizes, may decide. */
function orderByCopies(tree: ModuleTree, path: string, pairs: readonly Pair[]): 'after' | 'before' | undefined {
  if (!tree.repeated.has(path) || !pairs.every((pair) => fitsAfter(pair) && fitsBefore(pair))) return undefined;
  const known = answers.get(tree) ?? { copies: listCopies(tree), orders: new Map() };
  answers.set(tree, known);
  const children = tree.children.get(path)?.join() ?? '';
  const key = `${children}|${pairs.map(({ layer, norm }) => `${baseName(layer.path)}:${baseName(norm.path)}`).join()}`;
  if (!known.orders.has(key)) {
    const others = (known.copies.get(children) ?? []).flatMap((copy) =>
      pairs.flatMap((pair) => pairIn(tree, copy, pair)),
    );
    known.orders.set(key, choose(others.every(fitsAfter), others.every(fitsBefore)));
  }
  return known.orders.get(key);
}

/** What copies of a class say is asked by each of them: once is enough. */
interface Answers {
  readonly copies: ReadonlyMap<string, readonly string[]>;
  readonly orders: Map<string, 'after' | 'before' | undefined>;
}

const answers = new WeakMap<ModuleTree, Answers>();

/** Paths by the names of their children. */
function listCopies(tree: ModuleTree): ReadonlyMap<string, readonly string[]> {
  return groupBy(tree.children.keys(), (path) => tree.children.get(path)?.join() ?? '');
}

function pairIn(tree: ModuleTree, path: string, pair: Pair): Pair[] {
  const layer = tree.modules.get(joinPath(path, baseName(pair.layer.path)));
  const norm = tree.modules.get(joinPath(path, baseName(pair.norm.path)));
  return layer && norm && layer.writes > 0 && norm.writes > 0 ? [{ layer, norm, next: undefined }] : [];
}

function orderByPlace(tree: ModuleTree, pairs: readonly Pair[]): 'after' | 'before' | undefined {
  if (!tree.isOrdered || !pairs.every((pair) => fitsAfter(pair) && fitsBefore(pair))) return undefined;
  const isAfter = ({ layer, norm, next }: Pair) =>
    layer.position < norm.position && norm.position < (next?.position ?? Infinity);
  return choose(
    pairs.every(isAfter),
    pairs.every(({ layer, norm }) => norm.position < layer.position),
  );
}
