import { rootOf } from './known-models.ts';
import type { ModuleTree } from './module-tree.ts';
import { type AxisRef, hasRunningStatistics, joinPath, type Module } from './modules.ts';
import type { SpaceBuilder } from './space-builder.ts';

interface Walk {
  readonly streams: AxisRef[][];
  readonly inner: AxisRef[][];
  stream: AxisRef[];
  size: number;
}

/**
 * Rule R8: ResNets as torchvision names them (`conv1`, `bn1`, `layer1` to `layer4`, `fc`, and nothing else). The outputs of a stage's blocks add
 * up, so they share one space; the units between the convolutions of a block are its own.
 */
export function joinResNet(tree: ModuleTree, builder: SpaceBuilder): void {
  const root = rootOf(tree);
  const children = tree.children.get(root) ?? [];
  const stages = children.filter((name) => /^layer\d$/.test(name));
  if (!['conv1', 'bn1', 'fc'].every((name) => children.includes(name)) || stages.length < 2) return;
  if (children.length !== stages.length + 3) {
    builder.refuse(root, 'a ResNet with modules that the template does not know');
    return;
  }
  const walk = walkStages(tree, root, stages);
  if (!walk) {
    builder.refuse(root, 'a ResNet whose blocks do not follow the template');
    return;
  }
  for (const axes of [...walk.streams, ...walk.inner]) builder.join({ axes, isRescalable: false });
}

function walkStages(tree: ModuleTree, root: string, stages: readonly string[]): Walk | undefined {
  // One channel in is a grey image here, and no depthwise convolution: nobody begins a ResNet with one.
  const stem = layerWithNorm(tree, joinPath(root, 'conv1'), joinPath(root, 'bn1'), true);
  const head = tree.modules.get(joinPath(root, 'fc'));
  if (!stem || stem.layer.reads === stem.layer.writes) return undefined;
  const walk: Walk = { streams: [], inner: [], stream: [...stem.axes], size: stem.layer.writes };
  for (const stage of stages) {
    for (const block of tree.children.get(joinPath(root, stage)) ?? []) {
      if (!walkBlock(tree, joinPath(root, `${stage}.${block}`), walk)) return undefined;
    }
  }
  if (head?.kind !== 'linear' || head.reads !== walk.size) return undefined;
  walk.streams.push([...walk.stream, ...head.inAxes]);
  return walk;
}

function walkBlock(tree: ModuleTree, path: string, walk: Walk): boolean {
  const names = tree.children.get(path) ?? [];
  const depth = names.includes('conv3') ? 3 : 2;
  const expected = Array.from({ length: depth }, (_, i) => [`conv${i + 1}`, `bn${i + 1}`]).flat();
  const hasShortcut = names.includes('downsample');
  if (names.length !== expected.length + (hasShortcut ? 1 : 0) || !expected.every((name) => names.includes(name)))
    return false;
  const layers = Array.from({ length: depth }, (_, i) =>
    layerWithNorm(tree, joinPath(path, `conv${i + 1}`), joinPath(path, `bn${i + 1}`)),
  );
  const last = layers.at(-1);
  if (!last || !readsInOrder(layers, walk.size)) return false;
  joinInside(layers, walk);
  walk.stream.push(...(layers[0]?.layer.inAxes ?? []));
  if (hasShortcut && !walkShortcut(tree, path, walk)) return false;
  if (last.layer.writes !== walk.size) return false;
  walk.stream.push(...last.axes);
  return true;
}

interface Normed {
  readonly layer: Module;
  readonly axes: readonly AxisRef[];
}

function layerWithNorm(tree: ModuleTree, layerPath: string, normPath: string, mayBeGrey = false): Normed | undefined {
  const [layer, norm] = [tree.modules.get(layerPath), tree.modules.get(normPath)];
  const isConv = layer?.kind === 'conv' || (mayBeGrey && layer?.kind === 'depthwise');
  if (!isConv || norm?.kind !== 'norm' || !hasRunningStatistics(norm)) return undefined;
  return norm.writes === layer.writes ? { layer, axes: [...layer.outAxes, ...norm.outAxes] } : undefined;
}

/** Whether the first layer reads the stream, and the last all of the one before. One in the middle may be grouped (ResNeXt): then it is not linked, but the block still fits. */
function readsInOrder(layers: readonly (Normed | undefined)[], size: number): boolean {
  const [last, before] = [layers.at(-1)?.layer, layers.at(-2)?.layer];
  return layers.every((l) => l !== undefined) && layers[0]?.layer.reads === size && last?.reads === before?.writes;
}

function joinInside(layers: readonly (Normed | undefined)[], walk: Walk): void {
  let whole = true;
  for (const [i, current] of layers.entries()) {
    const next = layers[i + 1];
    const before = layers[i - 1];
    whole = i === 0 || before?.layer.writes === current?.layer.reads;
    if (!next || !current || !whole || next.layer.reads !== current.layer.writes) continue;
    walk.inner.push([...current.axes, ...next.layer.inAxes]);
  }
}

function walkShortcut(tree: ModuleTree, path: string, walk: Walk): boolean {
  const shortcut = layerWithNorm(tree, joinPath(path, 'downsample.0'), joinPath(path, 'downsample.1'));
  if (!shortcut || shortcut.layer.reads !== walk.size) return false;
  walk.streams.push([...walk.stream, ...shortcut.layer.inAxes]);
  walk.stream = [...shortcut.axes];
  walk.size = shortcut.layer.writes;
  return true;
}
