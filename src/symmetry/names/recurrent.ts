import type { Placed } from './accept.ts';
import type { ModuleTree } from './module-tree.ts';
import { type AxisRef, joinPath, type Module } from './modules.ts';
import type { SpaceBuilder, Split } from './space-builder.ts';

interface Layer {
  readonly axes: AxisRef[];
  readonly splits: Map<AxisRef, Split>;
  readonly hidden: number;
}

/**
 * Rule R6: PyTorch's recurrent layers. Rows are (gates, units), the recurrent weights touch the units twice, the next layer reads them; both
 * directions of a bidirectional layer are one space. The last layer is placed only if exactly one module of the file can read it.
 */
export function joinRecurrent(tree: ModuleTree, builder: SpaceBuilder, placed: Placed): void {
  for (const module of tree.modules.values()) {
    if (module.kind !== 'recurrent') continue;
    if ([...module.tensors.keys()].some((part) => part.startsWith('weight_hr')))
      builder.refuse(module.path, 'a recurrent layer with a projection');
    else joinLayers(tree, module, builder, placed);
  }
}

function joinLayers(tree: ModuleTree, module: Module, builder: SpaceBuilder, placed: Placed): void {
  const directions = [...module.tensors.keys()].some((part) => part.endsWith('_reverse')) ? ['', '_reverse'] : [''];
  for (let number = 0; module.tensors.has(`weight_hh_l${number}`); number++) {
    const layer = layerOf(module, number, directions);
    if (!layer) {
      builder.refuse(module.path, 'the gates of a recurrent layer do not divide');
      return;
    }
    const isLast = !module.tensors.has(`weight_ih_l${number + 1}`);
    const reader = isLast ? onlyReader(tree, module, layer.hidden, directions.length, placed) : undefined;
    if (isLast && !reader) {
      builder.refuse(module.path, 'no single reader of the last recurrent layer');
      return;
    }
    const readers = reader
      ? reader.inAxes
      : directions.map((d) => ({ tensor: joinPath(module.path, `weight_ih_l${number + 1}${d}`), axis: 1 }));
    for (const ref of readers) addRef(layer, ref, directions.length);
    builder.join({ axes: layer.axes, splits: layer.splits, isRescalable: false });
    if (reader) placed.inputs.add(reader.path);
  }
}

function layerOf(module: Module, number: number, directions: readonly string[]): Layer | undefined {
  const hidden = module.tensors.get(`weight_hh_l${number}`)?.[1] ?? 0;
  const layer: Layer = { axes: [], splits: new Map(), hidden };
  for (const direction of directions) {
    for (const part of ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh']) {
      const name = `${part}_l${number}${direction}`;
      const rows = module.tensors.get(name)?.[0];
      if (rows === undefined) continue;
      if (hidden === 0 || rows % hidden !== 0) return undefined;
      addRef(layer, { tensor: joinPath(module.path, name), axis: 0 }, rows / hidden);
    }
    layer.axes.push({ tensor: joinPath(module.path, `weight_hh_l${number}${direction}`), axis: 1 });
  }
  return layer;
}

function addRef(layer: Layer, ref: AxisRef, outer: number): void {
  layer.axes.push(ref);
  if (outer > 1) layer.splits.set(ref, { outer, size: layer.hidden, inner: 1 });
}

function onlyReader(
  tree: ModuleTree,
  module: Module,
  hidden: number,
  directions: number,
  placed: Placed,
): Module | undefined {
  const sizes = [hidden, 2 * hidden];
  const others = [...tree.modules.values()].filter((m) => m !== module);
  const readers = others.filter(
    (m) => m.kind === 'linear' && !placed.inputs.has(m.path) && m.reads === directions * hidden,
  );
  const isDoubtful = (m: Module) => {
    const isUntold = ['other', 'attention', 'recurrent', 'norm', 'vector', 'ambiguous'].includes(m.kind);
    return !readers.includes(m) && (isUntold || (!placed.outputs.has(m.path) && sizes.includes(m.writes)));
  };
  const [reader] = readers;
  const input = module.tensors.get('weight_ih_l0')?.[1] ?? 0;
  if (!reader || readers.length !== 1 || others.some(isDoubtful)) return undefined;
  return sizes.includes(reader.writes) || sizes.includes(input) ? undefined : reader;
}
