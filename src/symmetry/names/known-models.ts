import type { Placed } from './accept.ts';
import { chainModules } from './chain.ts';
import { isNumbered, type ModuleTree } from './module-tree.ts';
import { joinPath, type Module } from './modules.ts';
import { flattenSequential } from './sequential.ts';
import type { SpaceBuilder } from './space-builder.ts';

/** Names that a body and its last part go by where a model is nothing else; pooling between them has no weights. */
const BODIES = ['features', 'encoder', 'backbone', 'body', 'trunk'];
const LAST_PARTS = ['classifier', 'head', 'fc', 'output'];
const POOLS = ['avgpool', 'pool'];

/** Rule R4: `features` runs, pooled or flattened, into `classifier` when a model has nothing else; so do other bodies and heads. */
export function joinFeaturesToClassifier(tree: ModuleTree, builder: SpaceBuilder, placed: Placed): void {
  const root = rootOf(tree);
  const parts = (tree.children.get(root) ?? []).filter((child) => !POOLS.includes(child));
  const body = parts.find((part) => BODIES.includes(part));
  const last = parts.find((part) => LAST_PARTS.includes(part));
  if (body === undefined || last === undefined || parts.length > 2) return;
  const features = joinPath(root, body);
  if (!isNumbered(tree, features)) return;
  joinLast(tree, modulesOf(tree, features), firstOf(tree, joinPath(root, last)), builder, placed);
}

/**
 * Rule R5: Stable-Baselines3. The policy and value networks run into the action and value layers; the convolutions of its image extractor run
 * into the extractor's linear layer.
 */
export function joinStableBaselines(tree: ModuleTree, builder: SpaceBuilder, placed: Placed): void {
  if (tree.children.has('mlp_extractor.shared_net')) return;
  for (const [net, head] of [
    ['policy_net', 'action_net'],
    ['value_net', 'value_net'],
  ] as const) {
    const path = `mlp_extractor.${net}`;
    if (isNumbered(tree, path)) joinLast(tree, modulesOf(tree, path), tree.modules.get(head), builder, placed);
  }
  for (const path of [...tree.children.keys()].filter((p) => /(^|\.)\w*features_extractor$/.test(p))) {
    const cnn = joinPath(path, 'cnn');
    if (tree.children.get(path)?.join() !== 'cnn,linear' || !isNumbered(tree, cnn)) continue;
    joinLast(tree, modulesOf(tree, cnn), firstOf(tree, joinPath(path, 'linear')), builder, placed);
  }
}

/** The path below which the whole model lies: wrappers with a single child (`module`, `state_dict`) are passed. */
export function rootOf(tree: ModuleTree): string {
  let root = '';
  for (;;) {
    const [only, ...others] = tree.children.get(root) ?? [];
    const inner = only === undefined ? '' : joinPath(root, only);
    if (only === undefined || others.length > 0 || tree.modules.has(root) || !tree.children.has(inner)) return root;
    root = inner;
  }
}

function modulesOf(tree: ModuleTree, path: string): (Module | undefined)[] {
  return flattenSequential(tree, path).map((item) => item.module);
}

function firstOf(tree: ModuleTree, path: string): Module | undefined {
  return tree.modules.get(path) ?? (isNumbered(tree, path) ? modulesOf(tree, path)[0] : undefined);
}

function joinLast(
  tree: ModuleTree,
  items: readonly (Module | undefined)[],
  reader: Module | undefined,
  builder: SpaceBuilder,
  placed: Placed,
): void {
  if (reader?.kind !== 'linear' || placed.inputs.has(reader.path)) return;
  const link = chainModules(tree, [...items, reader]).find((l) => l.consumer === reader);
  const [into] = reader.inAxes;
  if (!link || !into) return;
  const splits =
    link.fold > 1 ? { splits: new Map([[into, { outer: 1, size: link.producer.writes, inner: link.fold }]]) } : {};
  builder.join({ axes: [...link.axes, into], isRescalable: link.passed.length === 0, ...splits });
  placed.inputs.add(reader.path);
  placed.outputs.add(link.producer.path);
}
